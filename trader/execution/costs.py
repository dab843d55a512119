"""What a trade costs: expected before it (round trip) and measured after it (TCA)."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from trader.domain.decisions import ExecutionReport
from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.market import Book
from trader.domain.orders import Fill, Order
from trader.domain.units import BPS
from trader.execution.algorithms.registry import AlgorithmState

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
    half_spread = book.spread_frac / 2
    exit_side = instrument.taker_fee_frac + half_spread + impact_frac
    entry_fee = instrument.maker_fee_frac if maker_entry else instrument.taker_fee_frac
    entry_side = entry_fee + half_spread + impact_frac if measured_entry_frac is None else measured_entry_frac
    return entry_side + exit_side + funding_frac


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


def execution_report(
    state: AlgorithmState, orders: Iterable[Order], instrument: Instrument, ended_ms: int
) -> ExecutionReport:
    """The cost analysis of a finished parent from its child `orders` (others are ignored).

    Slippage is average price against arrival mid in bps, positive = cost; 0 when nothing was filled.
    """
    children = [order for order in orders if order.intent.parent_id == state.parent_id]
    filled = sum((order.filled for order in children), ZERO)
    filled_quote = sum((order.filled_quote for order in children), ZERO)
    average = float(filled_quote / filled) if filled else 0.0
    slippage = (average / state.arrival_mid - 1) * state.side.sign * BPS if filled and state.arrival_mid else 0.0
    spread = (state.arrival_ask - state.arrival_bid) / 2 / state.arrival_mid * BPS if state.arrival_mid else 0.0
    return ExecutionReport(
        parent_id=state.parent_id,
        symbol=state.symbol,
        side=state.side,
        algorithm=state.algorithm,
        purpose=state.purpose,
        quantity=state.quantity + state.cut,
        filled=filled,
        arrival_mid=state.arrival_mid,
        average_price=average,
        slippage_bps=slippage,
        spread_bps=spread,
        fees_quote=_fees_quote(children, instrument),
        market_order_bps=state.market_order_bps,
        started_ms=state.started_ms,
        ended_ms=ended_ms,
        orders=len(children),
    )


def _fees_quote(orders: Sequence[Order], instrument: Instrument) -> Decimal:
    total = ZERO
    for order in orders:
        for currency, amount in order.fees:
            if currency == instrument.quote:
                total += amount
            elif currency == instrument.base:
                total += amount * (order.average_price or ZERO)
            elif amount:
                total += order.filled_quote * exact(instrument.taker_fee_frac)
    return total
