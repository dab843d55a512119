"""What a trade is modelled to cost before it. What it has cost is told by `tca`, and learned from by `measured`."""

from decimal import Decimal

from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.market import Book
from trader.domain.orders import Fill, Side

# of a market whose books nobody has seen (half is paid on the way in, half out); a few times that of a liquid pair
ASSUMED_SPREAD_FRAC = 0.0004


def assumed_round_trip_frac(taker_fee_frac: float, spread_frac: float = ASSUMED_SPREAD_FRAC) -> float:
    """What a round trip costs before any is measured, as a fraction of the position's value."""
    return 2 * taker_fee_frac + spread_frac


def round_trip_cost_frac(
    instrument: Instrument,
    book: Book,
    *,
    maker_entry: bool = False,
    funding_frac: float = 0.0,
    impact_frac: float = 0.0,
    measured_entry_frac: float | None = None,
) -> float:
    """Fees, spread, impact and funding of entering and leaving, as a fraction of the position's value.

    Fees on both sides, half the spread on both sides, `impact_frac` (one side's, against the touch) on both sides,
    and `funding_frac` paid while holding (negative = received). A maker entry pays the maker fee but still the half
    spread: what resting saves, adverse selection takes back. `measured_entry_frac` replaces the whole entry side
    once it is known from realised fills. The way out is always a taker's.
    """
    exit_side = entry_cost_frac(instrument, book, impact_frac=impact_frac)
    modelled = entry_cost_frac(instrument, book, maker_entry=maker_entry, impact_frac=impact_frac)
    return (modelled if measured_entry_frac is None else measured_entry_frac) + exit_side + funding_frac


def entry_cost_frac(
    instrument: Instrument, book: Book, *, maker_entry: bool = False, impact_frac: float = 0.0
) -> float:
    """What one side of a trade is modelled to cost: fee, half the spread, impact."""
    fee = instrument.maker_fee_frac if maker_entry else instrument.taker_fee_frac
    return fee + book.spread_frac / 2 + impact_frac


def funding_cost_frac(rate: float, settled_ms: int, every_ms: int, side: Side, from_ms: int, until_ms: int) -> float:
    """What holding `side` from `from_ms` until `until_ms` costs in funding, < 0 = what it earns; as a fraction.

    `rate` (longs pay it to shorts) was settled at `settled_ms` and is taken to stay; every `every_ms` it is paid anew,
    by whoever holds a position at that moment.
    """
    settlements = (until_ms - settled_ms) // every_ms - (from_ms - settled_ms) // every_ms
    return side.sign * rate * max(0, settlements)


def fee_in_quote(fill: Fill, instrument: Instrument) -> Decimal:
    """The fill's fee in quote. A fee in a third currency (a discount coin) is taken at the instrument's own rate."""
    if fill.fee_currency == instrument.quote:
        return fill.fee
    if fill.fee_currency == instrument.base:
        return fill.fee * fill.price
    if fill.fee == 0:
        return ZERO
    rate = instrument.maker_fee_frac if fill.is_maker else instrument.taker_fee_frac
    return fill.quantity * fill.price * exact(rate)
