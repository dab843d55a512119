"""The scorer's synchronous half: features of all symbols and the model. Owned by one thread at a time."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.errors import Misconfigured
from trader.domain.market import Candle
from trader.domain.signals import CONTEXT_COLUMNS, Forecast, MarketContext, ModelInfo
from trader.features import FeatureSet, MarketStream
from trader.features.groups.group import Event
from trader.models.artefact import Manifest
from trader.models.compiled import RowForecast
from trader.scoring.rounds import Round
from trader.scoring.shown import Shown, groups_of


class ForecastModel(Protocol):
    """What is asked of a model (`models.CompiledEnsemble`)."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def manifest(self) -> Manifest: ...

    def predict_rows(self, X: Floats, atr_frac: Sequence[float], /) -> list[RowForecast]: ...


class Work(NamedTuple):
    """What has come since the last time."""

    late: Sequence[Candle]  # of closes that are done
    complete: Sequence[Round]
    overdue: Sequence[Round]  # to be looked at, not done with


def asked_for(model: ForecastModel, features: FeatureSet) -> FeatureSet:
    """The features of `model`'s groups in the market of `features`; raises `Misconfigured` if it knows others."""
    manifest = model.manifest
    asked = msgspec.structs.replace(features, groups=manifest.feature_groups)
    if asked.hash != manifest.feature_set_hash or asked.inputs != manifest.feature_names:
        trained_on = ", ".join(manifest.window.symbols) or "unknown symbols"
        raise Misconfigured(
            f"model {manifest.info.model_id} was trained on other features than this program computes (it knows "
            f"{len(manifest.feature_names)} inputs of {trained_on}; here {len(asked.inputs)} of "
            f"{', '.join(asked.symbols)}); train a new one with `trader train`"
        )
    return asked


WITHOUT_MODEL = "model"
"""What a forecast lacks where no strategy needs one: it says nothing but what the features are."""


class Scoring:
    """One feature stream per symbol and one model, or none. `wanted`: columns that strategies see, per symbol."""

    def __init__(
        self, model: ForecastModel | None, features: FeatureSet, wanted: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        wanted = wanted or {}
        if model is None:
            self.features = msgspec.structs.replace(features, groups=groups_of(features, wanted))
        else:
            self.features = asked_for(model, features)
        names = self.features.columns
        self._context = [names.index(name) for name in CONTEXT_COLUMNS]
        self._inputs = np.array([names.index(name) for name in self.features.inputs])
        self._group_of = [column.group or "candles" for column in self.features.catalogue]
        self._leader = self.features.leader
        self._of_leader = self.features.beside_leader
        self._model = model
        self._shown = Shown(self.features, wanted)
        self._told: dict[str, int] = {}  # symbol -> open time of the candle of its newest forecast
        self.restart()

    @property
    def model(self) -> ForecastModel | None:
        """The model that forecasts are made with."""
        return self._model

    @property
    def awaited(self) -> tuple[str, ...]:
        """Symbols whose candle the rows of a close need."""
        return self.features.compared or (() if self._leader is None else (self._leader,))

    def use(self, model: ForecastModel) -> None:
        """From now on forecast with `model`. Raises `Misconfigured` if it needs other features than the one before."""
        self.require_same_features(model)
        self._model = model

    def require_same_features(self, model: ForecastModel) -> None:
        """Raises `Misconfigured` if `model` needs other features than the one in use."""
        if asked_for(model, self.features) != self.features:
            raise Misconfigured(
                f"model {model.info.model_id} needs the feature groups {', '.join(model.manifest.feature_groups)}; "
                f"the running one has {', '.join(self.features.groups)}. Restart to use it"
            )

    def restart(self) -> None:
        """Forget every candle."""
        one = self.features
        self._market = MarketStream(one.timeframe, one.symbols, one.groups, higher_timeframes=one.higher_timeframes)
        self.is_doubtful = False  # closes were done without the leader: what is remembered of it is not true

    def learn_history(self, symbol: str, candles: Sequence[Candle]) -> None:
        """Take the symbol's past; the leader's comes first."""
        row = self._market.follow(symbol, candles)
        if row is not None:
            self._shown.remember(candles[-1], row)

    def learn(self, events: Iterable[Event]) -> None:
        """Take books and trades in the order they arrived, observations in the order they were known."""
        for event in events:
            self._market.learn(event)

    def score(self, work: Work) -> list[Forecast]:
        """One forecast for the newest candle of each symbol that is warm.

        Where inputs are missing it says so instead, once nothing more can come for that close.
        """
        rows: dict[str, tuple[Candle, Floats]] = {}
        for candle in work.late:
            row = self._market.follow(candle.symbol, [candle])
            if row is not None:
                rows[candle.symbol] = (candle, self._masked(row, has_leader=True))
                self._shown.remember(*rows[candle.symbol])
        for one in work.complete:
            self.is_doubtful |= not self._has_leader(one)
            rows |= self._seen(self._market.update(one), [one])
        final = dict(rows)
        if work.overdue:
            rows |= self._seen(self._market.peek(work.overdue), work.overdue)
        new = {symbol: found for symbol, found in rows.items() if self._is_new(*found)}
        if self._model is None:
            made = [self._silent(*found, (WITHOUT_MODEL,)) for found in new.values()]
        else:
            made = [
                self._silent(*found, lacks)
                for found in final.values()
                if self._is_new(*found) and (lacks := self._lacks(found[1]))
            ]
            made += forecasts(self._model, self._inputs, self._context, new)
        self._told |= {forecast.symbol: forecast.candle_open_ms for forecast in made}
        return [self._shown.added(forecast) for forecast in made]

    def _is_new(self, candle: Candle, _row: Floats) -> bool:
        return candle.open_ms > self._told.get(candle.symbol, -1)

    def _seen(self, rows: Mapping[str, Floats], closes: Sequence[Round]) -> dict[str, tuple[Candle, Floats]]:
        """The rows with their candles; where the leader's candle is missing, what is said of it is masked."""
        found = {}
        for symbol, row in rows.items():
            close = next(close for close in reversed(closes) if symbol in close)
            found[symbol] = (close[symbol], self._masked(row, has_leader=self._has_leader(close)))
            self._shown.remember(*found[symbol])
        return found

    def _lacks(self, row: Floats) -> tuple[str, ...]:
        """The groups of the inputs that are not there."""
        absent = self._inputs[~np.isfinite(row[self._inputs])]
        return tuple(dict.fromkeys(self._group_of[i] for i in absent.tolist())) if len(absent) else ()

    def _silent(self, candle: Candle, row: Floats, missing: tuple[str, ...]) -> Forecast:
        nothing = np.nan if self._model is None else 0.0
        return Forecast(
            symbol=candle.symbol,
            candle_open_ms=candle.open_ms,
            candle_close_ms=candle.close_ms,
            prediction=nothing,
            win_probability=nothing,
            confidence=nothing,
            model_id="" if self._model is None else self._model.info.model_id,
            feature_hash="",
            context=MarketContext(*row[self._context].tolist()),
            missing=missing,
        )

    def _has_leader(self, close: Round) -> bool:
        """Whether a close has the leader's candle, if columns need it."""
        return self._leader is None or self._leader in close

    def _masked(self, row: Floats, *, has_leader: bool) -> Floats:
        if self.is_doubtful or not has_leader:
            row[self._of_leader] = np.nan
        return row


def forecasts(
    model: ForecastModel,
    inputs: NDArray[np.int64],
    context: Sequence[int],
    rows: Mapping[str, tuple[Candle, Floats]],
) -> list[Forecast]:
    """One forecast per row (n_columns,); a row with a value that is not finite gives none."""
    if not rows:
        return []
    names = model.manifest.members
    X = np.stack([row[inputs] for _, row in rows.values()])
    contexts = [MarketContext(*row[context].tolist()) for _, row in rows.values()]
    made = model.predict_rows(X, [c.atr_14 / c.close for c in contexts])
    return [
        Forecast(
            symbol=candle.symbol,
            candle_open_ms=candle.open_ms,
            candle_close_ms=candle.close_ms,
            prediction=scored.prediction,
            win_probability=scored.win_probability,
            confidence=scored.confidence,
            model_id=model.info.model_id,
            feature_hash=feature_hash(x),
            context=seen,
            members=dict(zip(names, scored.members, strict=False)),
        )
        for (candle, _), x, seen, scored in zip(rows.values(), X, contexts, made, strict=True)
        if not scored.abstains
    ]


def feature_hash(row: Floats) -> str:
    """How a forecast names the inputs (n_features,) it was made from."""
    return hashlib.blake2b(row.tobytes(), digest_size=6).hexdigest()
