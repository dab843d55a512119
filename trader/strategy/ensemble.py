"""The model's own strategy: its calibrated edge against costs, the regime's bias and confirmations."""

from trader.config.strategy import StrategySettings
from trader.domain.market import timeframe_ms
from trader.domain.reasons import Code, because
from trader.domain.signals import Forecast, ModelInfo, Signal
from trader.domain.units import BPS
from trader.domain.workings import Asked, GateName
from trader.strategy.base import Strategy
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal
from trader.strategy.signals import NoSignal, calibrated_edge, edge_holds, evaluate, needed_edge
from trader.strategy.view import Holding, View


class Ensemble(Strategy):
    """Enters on a confirmed edge, holds for the model's horizon and on while the edge holds, leaves when it turns."""

    Parameters = StrategySettings
    needs_forecast = True
    has_ladder = True
    builds_in_parts = True

    parameters: StrategySettings

    def propose(self, view: View) -> Proposal:
        forecast, model = view.forecast, view.model
        assert forecast is not None  # `needs_forecast`
        assert model is not None
        signal = evaluate(
            forecast,
            model,
            view.regime,
            view.cost_frac,
            can_short=view.can_short,
            settings=self.parameters,
            bar_factor=view.bar_factor,
            bar_reasons=view.bar_reasons,
        )
        if view.holding is not None:
            return self._about(view.holding, signal, view, forecast, model)
        if isinstance(signal, NoSignal):
            return Pass(reasons=signal.reasons, edge_frac=signal.edge_frac, gates=signal.gates)
        return _entry(signal, view, model)

    def _about(
        self, held: Holding, signal: Signal | NoSignal, view: View, forecast: Forecast, model: ModelInfo
    ) -> Proposal:
        """With a position: leave it when the model has turned by as much as an entry needs, else keep it, and extend it
        when its time is up and the edge holds. The other side is entered at a later close, once nothing is held.
        """
        edge = signal.edge_frac
        asked, needed = Asked(), needed_edge(view.cost_frac, self.parameters)
        towards = calibrated_edge(forecast, model) * held.side.sign
        if signal.side is held.side.opposite and edge >= needed:
            turned = asked.refuses(GateName.TURNED, because(Code.SIGNAL_TURNED), -towards, needed)
            return Leave(reasons=(turned,), edge_frac=edge, gates=tuple(asked.gates))
        asked.meets(GateName.TURNED, -towards, needed)
        hold = self.parameters.hold_edge_bps / BPS
        if not edge_holds(forecast, model, held.side, self.parameters):
            gone = asked.refuses(GateName.HOLD, because(Code.EDGE_GONE), towards, hold)
            return Keep(reasons=(gone,), edge_frac=edge, gates=tuple(asked.gates))
        asked.meets(GateName.HOLD, towards, hold)
        gates = tuple(asked.gates)
        candle_ms = view.candle_close_ms - view.candle_open_ms
        if held.until_ms is None or held.until_ms > view.candle_close_ms:
            add = _entry(signal, view, model) if held.parts_left and isinstance(signal, Signal) else None
            return Keep(reasons=(because(Code.EDGE_HOLDS),), edge_frac=edge, add=add, gates=gates)
        until_ms = view.candle_close_ms + model.horizon_candles * candle_ms
        extended = (because(Code.EDGE_HOLDS), because(Code.EXTENDED))
        return Keep(reasons=extended, edge_frac=edge, until_ms=until_ms, gates=gates)


def _entry(signal: Signal, view: View, model: ModelInfo) -> Enter:
    return Enter(
        side=signal.side,
        reasons=tuple(map(because, signal.confirmations)),
        edge_frac=signal.edge_frac,
        stop_frac=signal.stop_frac,
        target_frac=signal.take_profit_frac,
        until_ms=_horizon_end_ms(view, model),
        size_multiplier=signal.size_multiplier,
        gates=signal.gates,
    )


def _horizon_end_ms(view: View, model: ModelInfo) -> int:
    return view.candle_close_ms + model.horizon_candles * timeframe_ms(model.timeframe)
