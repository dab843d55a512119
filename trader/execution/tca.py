"""What an order has cost (TCA): its implementation shortfall, split, and beside the market order it replaced.

The shortfall is what its fills cost against the price it was decided at, fees included, in quote, above 0 = cost:

    delay   from the price of the decision to the mid when the order began
    spread  from that mid to the touch then
    impact  from that touch to the average fill: walking the book, and all the market did meanwhile
    fees    as the exchange took them

The four add up to the whole exactly. What was not filled costs nothing here; `filled` of `quantity` tells it.
"""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from trader.domain.decisions import ExecutionReport
from trader.domain.instrument import EXACT, ZERO, Instrument, exact
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Fill, Order, Side
from trader.domain.units import BPS
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.impact import opposite, walk


class Shortfall(NamedTuple):
    """Quote, above 0 = cost."""

    delay: Decimal
    spread: Decimal
    impact: Decimal
    fees: Decimal

    @property
    def total(self) -> Decimal:
        """What the order cost against the price it was decided at."""
        return EXACT.add(EXACT.add(self.delay, self.spread), EXACT.add(self.impact, self.fees))


class Prices(NamedTuple):
    """What an order is measured by; 0 = not known, which then costs nothing."""

    decision: Decimal
    mid: Decimal  # at arrival
    touch: Decimal  # the one a taker gets, at arrival


def shortfall(side: Side, filled: Decimal, filled_quote: Decimal, prices: Prices, fees: Decimal) -> Shortfall:
    """How much `filled` (base) for `filled_quote` cost, and where that went."""
    average = EXACT.divide(filled_quote, filled) if filled else ZERO
    decision = prices.decision or prices.mid or average
    mid = prices.mid or decision
    touch = prices.touch or mid

    def cost(of: Decimal, against: Decimal) -> Decimal:
        return EXACT.multiply(EXACT.subtract(of, against), filled * side.sign)

    impact = EXACT.multiply(EXACT.subtract(filled_quote, EXACT.multiply(touch, filled)), Decimal(side.sign))
    return Shortfall(cost(mid, decision), cost(touch, mid), impact, fees)


def execution_report(
    state: AlgorithmState, orders: Iterable[Order], instrument: Instrument, ended_ms: int
) -> ExecutionReport:
    """The row of a finished parent from its child `orders` (others are ignored).

    Slippage is average price against arrival mid in bps, positive = cost; 0 when nothing was filled.
    """
    children = [order for order in orders if order.intent.parent_id == state.parent_id]
    prices = _prices(exact(state.decision_price), state.side, state.arrival_bid, state.arrival_ask)
    half_spread = (state.arrival_ask - state.arrival_bid) / 2 / state.arrival_mid if state.arrival_mid else 0.0
    filled_quote = sum((order.filled_quote for order in children), ZERO)
    fees = fees_quote(children, instrument)
    filled = sum((order.filled for order in children), ZERO)
    split = shortfall(state.side, filled, filled_quote, prices, fees)
    modelled = None if state.modelled_frac is None else exact(state.modelled_frac * float(filled_quote))
    return ExecutionReport(
        parent_id=state.parent_id,
        symbol=state.symbol,
        side=state.side,
        algorithm=state.algorithm,
        purpose=state.purpose,
        quantity=state.quantity + state.cut,
        filled=filled,
        arrival_mid=state.arrival_mid,
        average_price=float(filled_quote / filled) if filled else 0.0,
        slippage_bps=_slippage_bps(state.side, filled, filled_quote, state.arrival_mid),
        spread_bps=half_spread * BPS,
        fees_quote=fees,
        market_order_bps=state.market_order_bps,
        started_ms=state.started_ms,
        ended_ms=ended_ms,
        orders=len(children),
        decision_price=prices.decision or None,
        decided_ms=state.decided_ms,
        delay_quote=split.delay,
        spread_quote=split.spread,
        impact_quote=split.impact,
        modelled_quote=modelled,
    )


def stop_report(order: Order, first: Fill, book: Book | None, instrument: Instrument, ended_ms: int) -> ExecutionReport:
    """The row of a protective stop that has filled: decided at its stop price, begun with its `first` fill.

    `book`: the one that was known then. What lies between the stop price and its mid is the delay: the gap.
    """
    intent = order.intent
    stop_price = intent.stop_price or ZERO
    prices = _prices(stop_price, intent.side, *((0.0, 0.0) if book is None else (book.bid, book.ask)))
    fees = fees_quote([order], instrument)
    split = shortfall(intent.side, order.filled, order.filled_quote, prices, fees)
    return ExecutionReport(
        parent_id=order.client_id,  # a lone order: its parent's id is that of the entry it protects
        symbol=order.symbol,
        side=intent.side,
        algorithm=AlgorithmName.MARKET,
        purpose=intent.purpose,
        quantity=intent.quantity,
        filled=order.filled,
        arrival_mid=float(prices.mid),
        average_price=float(order.average_price or 0),
        slippage_bps=_slippage_bps(intent.side, order.filled, order.filled_quote, float(prices.mid)),
        spread_bps=0.0 if book is None else book.spread_frac / 2 * BPS,
        fees_quote=fees,
        market_order_bps=market_order_bps(book, intent.side, intent.quantity),
        started_ms=first.ts_ms,
        ended_ms=ended_ms,
        orders=1,
        decision_price=stop_price or None,
        decided_ms=first.ts_ms,
        delay_quote=split.delay,
        spread_quote=split.spread,
        impact_quote=split.impact,
    )


def market_order_bps(book: Book | None, side: Side, quantity: Decimal) -> float:
    """What taking `quantity` from `book` at once would cost against its mid, in bps; inf when it is too thin."""
    if book is None:
        return math.inf
    average, filled = walk(opposite(book, side), float(quantity))
    if filled < float(quantity):
        return math.inf
    return abs(average / book.mid - 1) * BPS


def fees_quote(orders: Sequence[Order], instrument: Instrument) -> Decimal:
    """What `orders` paid in fees, in quote; a third currency is taken at the instrument's own rate."""
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


def _prices(decision: Decimal, side: Side, bid: float, ask: float) -> Prices:
    """The mid as the exact middle: that of two floats has a binary tail."""
    mid = (exact(bid) + exact(ask)) / 2
    return Prices(decision, mid, exact(ask if side is Side.BUY else bid))


def _slippage_bps(side: Side, filled: Decimal, filled_quote: Decimal, mid: float) -> float:
    """Average price against the mid at arrival; 0 when nothing was filled or no mid was known."""
    return (float(filled_quote / filled) / mid - 1) * side.sign * BPS if filled and mid else 0.0
