"""How far stop, target and the ladder's unit are, and the plan that guards a position from then on."""

import math
from decimal import Decimal
from typing import NamedTuple

import msgspec

from trader.config.risk import RiskSettings
from trader.domain.instrument import Instrument, Rounding
from trader.domain.orders import Side
from trader.domain.signals import Regime
from trader.domain.units import YEAR_MS

NEVER_MS = 2**62  # end of a plan that no horizon ends


class PositionPlan(msgspec.Struct, frozen=True):
    """What guards one position. Prices in quote, times ms UTC; R is `r_frac` x `entry_price`, whatever the stop is."""

    symbol: str
    side: Side  # BUY = long
    entry_price: float
    r_frac: float  # the ladder's unit / entry price, > 0
    stop_price: float  # only ever tightens
    take_profit_price: float | None  # the target; None once the stop trails
    best_price: float  # best executable price seen since entry
    atr_width_frac: float  # width of the stop that follows candle closes
    opened_ms: int
    horizon_end_ms: int
    decision_id: str
    regime: Regime
    partial_done: bool = False
    trailing: bool = False
    strategy_id: str = "ensemble"
    has_ladder: bool = True  # else only its stop, its target and its horizon end it, and the strategy does
    is_adopted: bool = False  # the position was there before its plan
    parts: int = 1  # it was built in so far
    worst_price: float = 0.0  # worst executable price seen since entry

    @property
    def r_quote(self) -> float:
        """R as a price distance."""
        return self.entry_price * self.r_frac

    def profit_in_r(self, price: float) -> float:
        """Profit at `price` in multiples of R."""
        gain = price - self.entry_price if self.side is Side.BUY else self.entry_price - price
        return gain / (self.entry_price * self.r_frac)


def horizon_sigma_frac(annual_vol: float, horizon_ms: int) -> float:
    """Standard deviation of the return over `horizon_ms` from annualised volatility (square root of time)."""
    return annual_vol * math.sqrt(max(0, horizon_ms) / YEAR_MS)


def initial_stop_frac(
    atr_frac: float, regime_stop_frac: float, horizon_sigma_frac: float, settings: RiskSettings
) -> float:
    """The widest of `stop_atr` ATRs, the regime's stop, and `stop_sigma` sigma of the horizon's move.

    All are fractions of the price. Raises ValueError for one that is negative or not finite: a stop nobody can
    compute is no stop.
    """
    for name, value in (("atr", atr_frac), ("regime stop", regime_stop_frac), ("sigma", horizon_sigma_frac)):
        if not (value >= 0 and math.isfinite(value)):
            raise ValueError(f"{name} {value} must be a fraction of the price, 0 or more")
    return max(settings.stop_atr * atr_frac, regime_stop_frac, settings.stop_sigma * horizon_sigma_frac)


class Barriers(NamedTuple):
    """Distances as fractions of the entry price."""

    stop_frac: float  # of the protective stop
    r_frac: float  # the ladder's unit: what the stop would be without `stop_sigma`
    target_frac: float


def barriers(
    atr_frac: float,
    regime_stop_frac: float,
    regime_take_profit_frac: float,
    horizon_sigma_frac: float,
    settings: RiskSettings,
) -> Barriers:
    """Where a position entered now has its exits; labels in training use the same."""
    stop = initial_stop_frac(atr_frac, regime_stop_frac, horizon_sigma_frac, settings)
    r_frac = max(settings.stop_atr * atr_frac, regime_stop_frac) or stop
    return Barriers(stop, r_frac, max(regime_take_profit_frac, settings.target_at_r * r_frac))


def open_plan(
    *,
    symbol: str,
    side: Side,
    entry_price: float,
    stop_frac: float,
    take_profit_frac: float | None,
    opened_ms: int,
    horizon_end_ms: int,
    decision_id: str,
    regime: Regime,
    strategy_id: str = "ensemble",
    has_ladder: bool = True,
    is_adopted: bool = False,
    r_frac: float | None = None,
) -> PositionPlan:
    """The plan of a position just entered at `entry_price` (> 0), with 0 < `stop_frac` < 1.

    `r_frac`: the ladder's unit; without one it is the distance of the stop.
    """
    if not (entry_price > 0 and 0 < stop_frac < 1):
        raise ValueError(f"entry price {entry_price} must be above 0 and stop distance {stop_frac} within 0..1")
    return PositionPlan(
        symbol=symbol,
        side=side,
        entry_price=entry_price,
        r_frac=r_frac or stop_frac,
        stop_price=entry_price * (1 - side.sign * stop_frac),
        take_profit_price=None if take_profit_frac is None else entry_price * (1 + side.sign * take_profit_frac),
        best_price=entry_price,
        worst_price=entry_price,
        atr_width_frac=stop_frac,
        opened_ms=opened_ms,
        horizon_end_ms=horizon_end_ms,
        decision_id=decision_id,
        regime=regime,
        strategy_id=strategy_id,
        has_ladder=has_ladder,
        is_adopted=is_adopted,
    )


def with_entry(plan: PositionPlan, entry_price: float) -> PositionPlan:
    """`plan` after further fills of the entry moved the average to `entry_price`. The stop never loosens."""
    if not entry_price > 0:
        raise ValueError(f"entry price {entry_price} must be above 0")
    scale = entry_price / plan.entry_price
    target = plan.take_profit_price * scale if plan.take_profit_price is not None else None
    moved = msgspec.structs.replace(plan, entry_price=entry_price, take_profit_price=target)
    return tighten(moved, entry_price * (1 - plan.side.sign * plan.atr_width_frac))


def tighten(plan: PositionPlan, stop_price: float) -> PositionPlan:
    """`plan` with its stop at `stop_price` if that is nearer to the market, else unchanged."""
    if (stop_price - plan.stop_price) * plan.side.sign <= 0:
        return plan
    return msgspec.structs.replace(plan, stop_price=stop_price)


def resting_stop_price(plan: PositionPlan, instrument: Instrument) -> Decimal:
    """The plan's stop on the tick grid, rounded towards the market: the order never risks more than the plan."""
    return instrument.round_price(plan.stop_price, Rounding.UP if plan.side is Side.BUY else Rounding.DOWN)
