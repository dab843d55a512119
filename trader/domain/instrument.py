"""The instrument: what can be traded, and the only crossing between float64 and exact Decimal."""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum

import msgspec

from trader.domain.reasons import Code, Reason, because

ZERO = Decimal(0)

# Sums of products of prices and quantities are exact under this context; Python's own 28 digits can round them.
EXACT = Context(prec=60)


class InstrumentKind(StrEnum):
    """What is traded: coins, or a contract on them."""

    SPOT = "spot"
    PERPETUAL = "perpetual"  # linear, settled in the quote currency


class Rounding(StrEnum):
    """Which neighbour on a grid a value becomes."""

    DOWN = "down"
    UP = "up"
    NEAREST = "nearest"


_MODES = {Rounding.DOWN: ROUND_FLOOR, Rounding.UP: ROUND_CEILING, Rounding.NEAREST: ROUND_HALF_EVEN}


def exact(value: float | Decimal) -> Decimal:
    """`value` as the Decimal a person would write: a float by its shortest representation, never its binary tail."""
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def round_to(value: float | Decimal, step: Decimal, rounding: Rounding) -> Decimal:
    """`value` on the grid of `step` (> 0)."""
    units = (exact(value) / step).to_integral_value(_MODES[rounding])
    return (units * step).quantize(step) if step.as_tuple().exponent else units * step


class Instrument(msgspec.Struct, frozen=True):
    """One tradable pair with the exchange's limits. Quantities are in base units, prices in quote units."""

    symbol: str  # unified name: "BTC/USDT", "BTC/USDT:USDT" for the perpetual
    base: str
    quote: str
    kind: InstrumentKind
    price_tick: Decimal
    quantity_step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal  # 0 = the exchange states none
    min_notional: Decimal  # quote
    maker_fee_frac: float
    taker_fee_frac: float

    @property
    def can_short(self) -> bool:
        """Whether less than nothing can be held."""
        return self.kind is InstrumentKind.PERPETUAL

    def margin_frac(self, leverage: float) -> float:
        """Quote currency that opening one unit of value takes, the taker's fee included."""
        return (1 / leverage if self.can_short else 1.0) + self.taker_fee_frac

    @property
    def for_reducing(self) -> "Instrument":
        """As it limits orders that only reduce: on perpetuals they have no least value."""
        return msgspec.structs.replace(self, min_notional=ZERO) if self.can_short else self

    def round_price(self, price: float | Decimal, rounding: Rounding = Rounding.NEAREST) -> Decimal:
        """`price` on the tick grid."""
        return round_to(price, self.price_tick, rounding)

    def round_quantity(self, quantity: float | Decimal) -> Decimal:
        """`quantity` rounded down to the step, capped at the maximum; never negative."""
        rounded = max(ZERO, round_to(quantity, self.quantity_step, Rounding.DOWN))
        if self.max_quantity and rounded > self.max_quantity:
            rounded = round_to(self.max_quantity, self.quantity_step, Rounding.DOWN)
        return rounded

    def refusal(self, quantity: Decimal, price: Decimal) -> Reason | None:
        """Why the exchange would refuse this quantity at this price, or None."""
        if quantity <= 0 or quantity < self.min_quantity:
            return because(Code.BELOW_MIN_QUANTITY, self.base, quantity_base=quantity, least_base=self.min_quantity)
        if self.max_quantity and quantity > self.max_quantity:
            return because(Code.ABOVE_MAX_QUANTITY, self.base, quantity_base=quantity, most_base=self.max_quantity)
        if quantity % self.quantity_step:
            return because(Code.OFF_QUANTITY_STEP, quantity_base=quantity, step_base=self.quantity_step)
        if price % self.price_tick:
            return because(Code.OFF_PRICE_TICK, price_quote=price, tick_quote=self.price_tick)
        notional = quantity * price
        if notional < self.min_notional:
            shown = notional.quantize(Decimal("0.01"), ROUND_DOWN)
            return because(Code.BELOW_MIN_NOTIONAL, self.quote, notional_quote=shown, least_quote=self.min_notional)
        return None
