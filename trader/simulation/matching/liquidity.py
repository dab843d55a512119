"""How displayed liquidity is taken and how a resting order waits its turn. Pure: no account, no time, no I/O.

Levels are float (price, quantity) tuples, best first, as feeds deliver them; whatever is taken is exact Decimal.
Prices are compared as floats: a level and a limit written with the same digits are the same float.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from decimal import ROUND_DOWN, Decimal

import msgspec

from trader.domain.instrument import ZERO, Instrument, exact
from trader.domain.market import Levels
from trader.domain.orders import Side
from trader.simulation.records.memory import TakenLevels
from trader.simulation.records.sim_orders import SimOrder, Trigger


class Take(msgspec.Struct, frozen=True):
    """A piece taken from one displayed level."""

    price: Decimal
    quantity: Decimal
    level: float  # the level's price as displayed


def floor_to(quantity: Decimal, step: Decimal) -> Decimal:
    """`quantity` (>= 0) rounded down to a multiple of `step`."""
    return (quantity / step).to_integral_value(ROUND_DOWN) * step


class Displayed:
    """One side of the displayed book, less what our own orders already took from it.

    A level that we took from stays reduced until the feed shows it with another quantity: an unchanged level
    was not refilled, so ten slices cannot all eat the same quantity.
    """

    __slots__ = ("_sign", "_taken", "has_moved", "levels")

    def __init__(self, side: Side) -> None:
        self._sign = -side.sign  # bids fall, asks rise
        self.levels: Levels = ()
        self._taken: TakenLevels = {}
        self.has_moved = False  # `taken` changed since somebody last stored it

    def show(self, levels: Levels) -> None:
        """Replace what is displayed."""
        self.levels = levels
        if self._taken:
            self._taken = {p: taken for p, taken in self._taken.items() if self.shown_at(p) == taken[0]}
            self.has_moved = True

    def shown_at(self, price: float) -> float | None:
        """Displayed quantity at `price`: 0 between or before levels, None deeper than the display reaches."""
        levels = self.levels
        if not levels:
            return None
        sign = self._sign
        index = bisect_left(levels, sign * price, key=lambda level: sign * level[0])
        if index == len(levels):
            return None
        return levels[index][1] if levels[index][0] == price else 0.0

    def reaches(self, limit: float) -> bool:
        """Whether the best level is at `limit` or better for who takes from this side."""
        return bool(self.levels) and self._sign * self.levels[0][0] <= self._sign * limit

    def walk(
        self,
        step: Decimal,
        *,
        quantity: Decimal | None = None,
        budget: Decimal | None = None,
        limit: float | None = None,
    ) -> list[Take]:
        """What an order takes, best level first: up to `quantity` base and `budget` quote, not beyond `limit`.

        Every piece is a multiple of `step`.
        """
        takes: list[Take] = []
        for level, size in self.levels:
            if limit is not None and self._sign * level > self._sign * limit:
                break
            free = exact(size)
            if level in self._taken:
                free -= self._taken[level][1]
            wanted = free if quantity is None else min(free, quantity)
            price = exact(level)
            affordable = wanted if budget is None else min(wanted, budget / price)
            piece = floor_to(affordable, step) if affordable > 0 else ZERO
            if budget is not None and piece * price > budget:  # the division above rounded up
                piece -= step
            if piece > 0:
                takes.append(Take(price, piece, level))
            if quantity is not None:
                quantity -= piece
            if budget is not None:
                budget -= piece * price
            if quantity == 0 or affordable < wanted:
                break
        return takes

    def remove(self, takes: Iterable[Take]) -> None:
        """Our orders took these."""
        for take in takes:
            shown, taken = self._taken.get(take.level, (self.shown_at(take.level) or 0.0, ZERO))
            self._taken[take.level] = (shown, taken + take.quantity)
            self.has_moved = True

    @property
    def taken(self) -> TakenLevels:
        """Level -> (quantity shown when first taken from, quantity taken): what a restart must remember."""
        return self._taken

    def restore(self, taken: TakenLevels) -> None:
        """Go on from a stored `taken`; the next `show` drops what has changed."""
        self._taken = dict(taken)


class Resting:
    """A limit order in the book and the quantity of others before it at its price (None: not known yet)."""

    __slots__ = ("ahead", "order", "price", "rank", "stored_ahead")

    def __init__(self, order: SimOrder, ahead: Decimal | None) -> None:
        assert order.price is not None  # limit orders have one
        self.order = order
        self.price = float(order.price)
        self.rank = (-order.side.sign * self.price, order.exchange_id)  # price, then time
        self.ahead = ahead
        self.stored_ahead: Decimal | None = None

    def watch_level(self, own_side: Displayed) -> None:
        """Displayed size at our price shrank below what was ahead, so cancels came out of what was ahead.

        Where the level was beyond the display, everything shown once it appears counts as ahead.
        """
        shown = own_side.shown_at(self.price)
        if shown is not None and (self.ahead is None or shown < self.ahead):
            self.ahead = exact(shown)

    def trade_reaches(self, price: float, quantity: Decimal) -> Decimal:
        """A trade of `quantity` that took from our side printed at `price`: how much of it got past the queue to us.

        Not yet limited by our remaining quantity.
        """
        if self.price != price:  # printed through: everything before us at our better price is gone
            self.ahead = ZERO
            return quantity
        if self.ahead is None:
            return ZERO
        passed = max(ZERO, quantity - self.ahead)
        self.ahead = max(ZERO, self.ahead - quantity)
        return passed


def queue_at_placement(order: SimOrder, own_side: Displayed) -> Decimal | None:
    """Everything displayed at the price is ahead of a new order; None for a stop or where the display ends before."""
    shown = None if order.price is None else own_side.shown_at(float(order.price))
    return None if shown is None else exact(shown)


class MatchedSymbol:
    """One symbol: what is displayed, the newest price, and our orders that wait in it."""

    __slots__ = ("asks", "bids", "buys", "has_book", "instrument", "reference", "sells", "stops")

    def __init__(self, instrument: Instrument) -> None:
        self.instrument = instrument
        self.bids = Displayed(Side.BUY)
        self.asks = Displayed(Side.SELL)
        self.has_book = False  # a real one, not the stand-in made from a candle
        self.reference: float | None = None  # newest of last trade and book mid
        self.buys: list[Resting] = []  # best price first, then oldest first
        self.sells: list[Resting] = []
        self.stops: list[SimOrder] = []  # oldest first

    @property
    def is_idle(self) -> bool:
        """No order of ours waits here."""
        return not (self.buys or self.sells or self.stops)

    def opposite(self, side: Side) -> Displayed:
        """What an order of `side` takes from."""
        return self.asks if side is Side.BUY else self.bids

    def own(self, side: Side) -> Displayed:
        """Where an order of `side` rests."""
        return self.bids if side is Side.BUY else self.asks

    def resting(self, side: Side) -> list[Resting]:
        """Our orders of `side`, best first."""
        return self.buys if side is Side.BUY else self.sells

    def rest(self, resting: Resting) -> None:
        """Let an order wait at its place."""
        insort(self.resting(resting.order.side), resting, key=lambda other: other.rank)

    def remove(self, order: SimOrder) -> None:
        """Take an order that ended out of the book; nothing happens if it is not in it."""
        queue = self.resting(order.side)
        queue[:] = [r for r in queue if r.order.exchange_id != order.exchange_id]
        self.stops = [stop for stop in self.stops if stop.exchange_id != order.exchange_id]

    def add_stop(self, stop: SimOrder) -> None:
        """An order that waits for its stop price, or for anything at all to be offered to it."""
        insort(self.stops, stop, key=lambda other: other.exchange_id)

    def follow(self, stop: SimOrder) -> None:
        """A waiting order is this one now."""
        self.stops = [stop if each.exchange_id == stop.exchange_id else each for each in self.stops]

    def moved_queues(self) -> dict[int, Decimal | None]:
        """exchange_id -> quantity ahead, for the orders where it changed since the last call."""
        moved = {}
        for resting in (*self.buys, *self.sells):
            if resting.ahead != resting.stored_ahead:
                resting.stored_ahead = moved[resting.order.exchange_id] = resting.ahead
        return moved

    def has_moved_taken(self) -> bool:
        """Whether what our orders took from the display changed since the last call."""
        moved = self.bids.has_moved or self.asks.has_moved
        self.bids.has_moved = self.asks.has_moved = False
        return moved

    def restore(self, taken_bids: TakenLevels, taken_asks: TakenLevels) -> None:
        """Go on from what a store kept."""
        self.bids.restore(taken_bids)
        self.asks.restore(taken_asks)

    def forget(self) -> None:
        """Nothing is known of the market any more; our orders stay."""
        self.bids.show(())
        self.asks.show(())
        self.has_book = False
        self.reference = None


def is_reached(side: Side, stop_price: Decimal, price: float, trigger: Trigger = "stop") -> bool:
    """Whether `price` triggers an order of `side` that waits for `stop_price`.

    A stop: at or below a sell's price, at or above a buy's. A take profit: the other way round.
    """
    sign = side.sign if trigger == "stop" else -side.sign
    return sign * (price - float(stop_price)) >= 0
