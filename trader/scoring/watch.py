"""What becomes of the forecasts of the model in use and its challenger: drift, kept promises, who was nearer."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.domain.candle_arrays import Floats
from trader.domain.market import Candle, timeframe_ms
from trader.domain.signals import Forecast, HealthAction, ModelHealth, ModelInfo, Regime
from trader.models import CompiledEnsemble
from trader.models.artefact import Manifest
from trader.models.compiled import RowForecast
from trader.models.drift import DriftMonitor, DriftReport, DriftRules, SeenRow
from trader.models.kernels import horizon_volatility
from trader.models.shadow import Shadow, ShadowPair, ShadowResult, ShadowRules
from trader.risk.stops import barriers, horizon_sigma_frac
from trader.scoring.outcomes import Kept, Promise, Promises
from trader.scoring.scoring import feature_hash
from trader.strategy.regime import classify

_MOST_ROWS = 2_000  # of forecasts that nobody has asked for yet
_ACTIONS = {
    "none": HealthAction.NONE,
    "shrink": HealthAction.SHRINK,
    "retrain": HealthAction.SHRINK,
    "observe": HealthAction.OBSERVE,
}


class Evidence(NamedTuple):
    """What has come to its end: worth remembering over a restart."""

    kept: tuple[Kept, ...] = ()
    pairs: tuple[ShadowPair, ...] = ()


class Watch:
    """Of one model in use. `costs`: round trip per symbol, fraction, where the model does not say what it was charged.
    One writer.
    """

    def __init__(self, model: CompiledEnsemble, settings: Settings, costs: Mapping[str, float]) -> None:
        self.model = model
        self._settings = settings
        self._costs = {**costs, **model.manifest.costs}
        self._horizon_ms = model.info.horizon_candles * timeframe_ms(model.info.timeframe)
        self._is_two_sided = bool(model.manifest.constants["two_sided"])
        self._drift = DriftMonitor(model.reference, model.feature_names, drift_rules(settings.model))
        self._promises = Promises()
        self._regimes: dict[str, Regime] = {}
        self._challenger: CompiledEnsemble | None = None
        self._shadow: Shadow | None = None
        self._health = ModelHealth(model.info.model_id)
        self._health_since_ms = 0

    @property
    def challenger(self) -> CompiledEnsemble | None:
        """The model on trial beside it."""
        return self._challenger

    def remember(self, kept: Iterable[Kept], rows: Iterable[SeenRow] = ()) -> None:
        """How earlier promises of this model ended, and the rows it has scored."""
        for one in kept:
            self._drift.resolved(one.start_ms, one.end_ms, one.win_probability, won=one.won)
        for row in rows:
            self._drift.remember(row)

    @property
    def window_ms(self) -> int:
        """How long rows count."""
        return self.model.reference.window_ms

    def compare_with(self, challenger: CompiledEnsemble | None, seen: Iterable[ShadowPair] = ()) -> None:
        """Let `challenger` forecast beside the model; `seen` is what a comparison before a restart has shown."""
        self._challenger, self._shadow = challenger, None
        if challenger is not None:
            rules = self._settings.model
            limits = ShadowRules(rules.shadow_forecasts, rules.shadow_blocks)
            self._shadow = Shadow(self.model.info.slope, challenger.info.slope, self._horizon_ms, limits)
            self._shadow.remember(seen)

    def closed(self, candle: Candle) -> Evidence:
        """The next closed candle of its symbol; before the forecast made at its close."""
        kept = self._promises.closed(candle)
        self.remember(kept)
        pairs = self._shadow.closed(candle.symbol, candle.close_ms, candle.close) if self._shadow else []
        return Evidence(tuple(kept), tuple(pairs))

    def forecast(self, forecast: Forecast, row: Floats) -> SeenRow:
        """The model's forecast and the inputs (n_features,) it was made from."""
        context = forecast.context
        atr_frac = context.atr_14 / context.close
        scale = float(horizon_volatility(np.array([atr_frac]), self.model.info.horizon_candles)[0])
        seen = self._drift.saw(forecast.candle_close_ms, row, forecast.prediction / scale)
        risk = self._settings.for_symbol(forecast.symbol).risk
        self._promises.made(self._promise(forecast, atr_frac), risk, timeframe_ms(self.model.info.timeframe))
        if self._challenger is not None and self._shadow is not None:
            own = RowForecast(forecast.prediction, forecast.win_probability, forecast.confidence)
            other = self._challenger.predict_row(row, atr_frac=atr_frac)
            self._shadow.saw(forecast.symbol, forecast.candle_close_ms, context.close, own, other)
        return seen

    def drift(self) -> DriftReport:
        """The state of the model in use."""
        return self._drift.report()

    @property
    def watched_share(self) -> float:
        """How much of the stretch that drift is judged by has been watched, 0..1."""
        return self._drift.watched_share

    def shadow(self) -> ShadowResult | None:
        """The verdict on the challenger so far."""
        return self._shadow.result() if self._shadow is not None else None

    def health(self, report: DriftReport, now_ms: int) -> ModelHealth:
        """What follows from `report`: worse at once, better only after a horizon, so that it does not flicker."""
        wanted = ModelHealth(self.model.info.model_id, _ACTIONS[report.action], report.reasons)
        is_milder = list(HealthAction).index(wanted.action) < list(HealthAction).index(self._health.action)
        if wanted.action is not self._health.action:
            if is_milder and now_ms - self._health_since_ms < self._horizon_ms:
                return self._health
            self._health, self._health_since_ms = wanted, now_ms
        return self._health

    def _promise(self, forecast: Forecast, atr_frac: float) -> Promise:
        """The trade that the win probability is about, with the barriers that would guard it."""
        context, settings = forecast.context, self._settings.for_symbol(forecast.symbol)
        regime = classify(context, self._regimes.get(forecast.symbol), settings.strategy)
        self._regimes[forecast.symbol] = regime
        rule = settings.strategy.regimes[regime]
        sigma = horizon_sigma_frac(context.annual_vol, self._horizon_ms)
        exits = barriers(atr_frac, rule.stop_loss_frac, rule.take_profit_frac, sigma, settings.risk)
        return Promise(
            symbol=forecast.symbol,
            start_ms=forecast.candle_close_ms,
            end_ms=forecast.candle_close_ms + self._horizon_ms,
            entry=context.close,
            side=-1 if self._is_two_sided and forecast.prediction < 0 else 1,
            barriers=exits,
            cost_frac=self._costs.get(forecast.symbol, 0.0),
            win_probability=forecast.win_probability,
        )


def drift_rules(settings: ModelSettings) -> DriftRules:
    """As configured."""
    return DriftRules(
        shrink_feature_share=settings.drift_shrink_share,
        retrain_feature_share=settings.drift_retrain_share,
        shrink_calibration_t=settings.drift_shrink_t,
        observe_calibration_t=settings.drift_observe_t,
    )


class WatchedModel:
    """Stands in the model's place and keeps the inputs of its newest forecasts until they are asked for.

    Used by the scorer's thread; `take` by the loop's.
    """

    def __init__(self, model: CompiledEnsemble) -> None:
        self.model = model
        self._seen: deque[Floats] = deque(maxlen=_MOST_ROWS)

    @property
    def info(self) -> ModelInfo:
        return self.model.info

    @property
    def manifest(self) -> Manifest:
        return self.model.manifest

    def predict_rows(self, X: Floats, atr_frac: Sequence[float], /) -> list[RowForecast]:
        """As the model says."""
        self._seen.extend(X)
        return self.model.predict_rows(X, atr_frac)

    def take(self) -> dict[str, Floats]:
        """Hash of the inputs -> inputs, of everything forecast since the last call."""
        rows = [self._seen.popleft() for _ in range(len(self._seen))]
        return {feature_hash(row): row for row in rows}
