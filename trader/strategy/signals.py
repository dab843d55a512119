"""From a forecast to a signal: calibrated edge against cost, the regime's bias and its confirmations."""

import math

import msgspec

from trader.config.strategy import RegimeRule, StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, ModelInfo, Regime, Signal
from trader.domain.units import BPS
from trader.domain.workings import Asked, Gate, GateName
from trader.strategy.confirmations import gates_of, holding, lacking


class NoSignal(msgspec.Struct, frozen=True):
    """Why a forecast leads to no position. `edge_frac` >= 0 points to `side`; None when there is no edge at all."""

    reasons: tuple[Reason, ...]
    edge_frac: float
    cost_frac: float
    side: Side | None = None
    gates: tuple[Gate, ...] = ()  # what was asked


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
    asked, edge = Asked(), calibrated_edge(forecast, model)
    side = _side_of(edge)
    if side is None:
        none = asked.refuses(GateName.SLOPE, _no_edge_reason(forecast, model), model.slope, 0.0)
        return NoSignal((none,), 0.0, cost_frac, gates=tuple(asked.gates))
    asked.meets(GateName.SLOPE, model.slope, 0.0)
    rule = settings.regimes[regime]
    reasons = [
        *_edge_reasons(asked, abs(edge), needed_edge(cost_frac, settings) * bar_factor, bar_reasons),
        *_side_reasons(asked, side, regime, rule, can_short),
    ]
    listed = gates_of(rule, side, forecast.context, settings)
    asked.gates += listed
    found = holding(rule, listed)
    reasons += _confirmation_reasons(asked, rule, found, settings)
    if reasons:
        return NoSignal(tuple(reasons), abs(edge), cost_frac, side, tuple(asked.gates))
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
        gates=tuple(asked.gates),
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


def _edge_reasons(asked: Asked, edge_frac: float, needed: float, raised_by: tuple[Reason, ...]) -> list[Reason]:
    if edge_frac >= needed:
        asked.meets(GateName.EDGE, edge_frac, needed)
        return []
    reason = because(Code.EDGE_BELOW_BAR, causes=raised_by, edge_bps=edge_frac * BPS, needed_bps=needed * BPS)
    return [asked.refuses(GateName.EDGE, reason, edge_frac, needed)]


def _side_reasons(asked: Asked, side: Side, regime: Regime, rule: RegimeRule, can_short: bool) -> list[Reason]:
    reasons = []
    if side is Side.SELL and not can_short:
        reasons.append(asked.refuses(GateName.SHORT, because(Code.SPOT_CANNOT_SHORT)))
    if rule.bias == "long" and side is Side.SELL:
        reasons.append(asked.refuses(GateName.BIAS, because(Code.REGIME_WANTS_LONG, regime.value)))
    elif rule.bias == "short" and side is Side.BUY:
        reasons.append(asked.refuses(GateName.BIAS, because(Code.REGIME_WANTS_SHORT, regime.value)))
    else:
        asked.passes(GateName.BIAS)
    return reasons


def _confirmation_reasons(
    asked: Asked, rule: RegimeRule, found: tuple[Code, ...], settings: StrategySettings
) -> list[Reason]:
    needed = 1 if rule.confirmations_needed == "any" and rule.confirmations else len(rule.confirmations)
    missing = lacking(rule, found)
    if not missing or not settings.require_confirmation:
        asked.meets(GateName.CONFIRMED, len(found), needed if settings.require_confirmation else 0)
        return []
    reason = because(Code.NOT_CONFIRMED, ", ".join(code.value for code in missing))
    return [asked.refuses(GateName.CONFIRMED, reason, len(found), needed)]
