"""From a forecast to a signal: calibrated edge against cost, the regime's bias and its confirmations."""

import math

import msgspec

from trader.config.strategy import RegimeRule, StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, ModelInfo, Regime, Signal
from trader.domain.units import BPS
from trader.strategy.confirmations import confirmed, lacking


class NoSignal(msgspec.Struct, frozen=True):
    """Why a forecast leads to no position. `edge_frac` >= 0 points to `side`; None when there is no edge at all."""

    reasons: tuple[Reason, ...]
    edge_frac: float
    cost_frac: float
    side: Side | None = None


def evaluate(
    forecast: Forecast,
    model: ModelInfo,
    regime: Regime,
    cost_frac: float,
    *,
    can_short: bool,
    settings: StrategySettings,
    bar_factor: float = 1.0,
    bar_reasons: tuple[Reason, ...] = (),
) -> Signal | NoSignal:
    """The signal of `forecast`, or every reason against one.

    The edge is prediction x out-of-fold slope (already shrunk, see `ModelInfo`) and must reach
    max(`minimum_edge_bps`, `cost_frac`) x `bar_factor`, which `bar_reasons` explain; `cost_frac` is the whole round
    trip (fees, spread, funding, and impact once the quantity is known). A model without edge never signals.
    """
    edge = calibrated_edge(forecast, model)
    side = _side_of(edge)
    if side is None:
        return NoSignal((_no_edge_reason(forecast, model),), 0.0, cost_frac)
    rule = settings.regimes[regime]
    found = confirmed(rule, side, forecast.context, settings)
    reasons = [
        *_edge_reasons(abs(edge), needed_edge(cost_frac, settings) * bar_factor, bar_reasons),
        *_side_reasons(side, regime, rule, can_short),
        *_confirmation_reasons(rule, found, settings),
    ]
    if reasons:
        return NoSignal(tuple(reasons), abs(edge), cost_frac, side)
    return Signal(
        symbol=forecast.symbol,
        side=side,
        regime=regime,
        edge_frac=abs(edge),
        cost_frac=cost_frac,
        stop_frac=rule.stop_loss_frac,
        take_profit_frac=rule.take_profit_frac,
        size_multiplier=rule.size_multiplier,
        confirmations=found,
    )


def calibrated_edge(forecast: Forecast, model: ModelInfo) -> float:
    """Expected return over the horizon, signed, as a fraction; 0 when the model has no proven edge."""
    if model.no_edge or not model.slope > 0 or not math.isfinite(forecast.prediction):
        return 0.0
    return forecast.prediction * model.slope


def edge_holds(forecast: Forecast, model: ModelInfo, side: Side, settings: StrategySettings) -> bool:
    """Whether the edge is still on `side`: above `hold_edge_bps`, which no cost raises.

    A position has paid for its entry; leaving it at less than the entry's bar pays a round trip for nothing.
    """
    return calibrated_edge(forecast, model) * side.sign > settings.hold_edge_bps / BPS


def needed_edge(cost_frac: float, settings: StrategySettings) -> float:
    """The smallest edge worth trading, as a fraction."""
    return max(settings.minimum_edge_bps / BPS, cost_frac)


def _side_of(edge: float) -> Side | None:
    if edge == 0:
        return None
    return Side.BUY if edge > 0 else Side.SELL


def _no_edge_reason(forecast: Forecast, model: ModelInfo) -> Reason:
    if not math.isfinite(forecast.prediction):
        return because(Code.PREDICTION_NOT_FINITE)
    if model.no_edge:
        return because(Code.MODEL_WITHOUT_EDGE)
    if not model.slope > 0:
        return because(Code.SLOPE_NOT_POSITIVE, slope=model.slope)
    return because(Code.PREDICTION_ZERO)


def _edge_reasons(edge_frac: float, needed: float, raised_by: tuple[Reason, ...]) -> list[Reason]:
    if edge_frac >= needed:
        return []
    return [because(Code.EDGE_BELOW_BAR, causes=raised_by, edge_bps=edge_frac * BPS, needed_bps=needed * BPS)]


def _side_reasons(side: Side, regime: Regime, rule: RegimeRule, can_short: bool) -> list[Reason]:
    reasons = []
    if side is Side.SELL and not can_short:
        reasons.append(because(Code.SPOT_CANNOT_SHORT))
    if rule.bias == "long" and side is Side.SELL:
        reasons.append(because(Code.REGIME_WANTS_LONG, regime.value))
    if rule.bias == "short" and side is Side.BUY:
        reasons.append(because(Code.REGIME_WANTS_SHORT, regime.value))
    return reasons


def _confirmation_reasons(rule: RegimeRule, found: tuple[Code, ...], settings: StrategySettings) -> list[Reason]:
    missing = lacking(rule, found)
    if not missing or not settings.require_confirmation:
        return []
    return [because(Code.NOT_CONFIRMED, ", ".join(code.value for code in missing))]
