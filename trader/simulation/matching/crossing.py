"""What the market's events do to our waiting orders, and how a taker order executes."""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.instrument import ZERO, exact
from trader.domain.market import Candle
from trader.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from trader.simulation.clearing import Clearing
from trader.simulation.matching.candles import is_traded_through, stop_fill_price
from trader.simulation.matching.liquidity import (
    Displayed,
    MatchedSymbol,
    Resting,
    Take,
    floor_to,
    queue_at_placement,
)
from trader.simulation.matching.trailing import followed, is_due, trail_level
from trader.simulation.records.sim_orders import SimOrder, SimRequest, SimTrade


class Crossing:
    """Matches the orders of one symbol; the books of the exchange are kept by `clearing`."""

    def __init__(self, market: MatchedSymbol, clearing: Clearing) -> None:
        self._market = market
        self._clearing = clearing

    def execute(self, order: SimOrder, takes: Sequence[Take]) -> tuple[SimOrder, list[SimTrade]]:
        """Fill `order` as taker with what it was found to take, one trade a level."""
        trades = []
        for take in takes:
            order, trade = self._clearing.fill(
                self._market.instrument, order, take.price, take.quantity, is_maker=False
            )
            trades.append(trade)
        self._market.opposite(order.side).remove(takes)
        return order, trades

    def displayed(self) -> None:
        """The book was replaced: what it offers at a resting order's price or better fills that order, at its price."""
        market = self._market
        for side in (Side.BUY, Side.SELL):
            opposite, own = market.opposite(side), market.own(side)
            for resting in list(market.resting(side)):
                if not opposite.reaches(resting.price):
                    break
                self._meet(resting, opposite)
            for resting in market.resting(side):
                resting.watch_level(own)

    def traded(self, price: float, quantity: float, buyer_is_taker: bool) -> None:
        """Others traded: what went through our price, or through the queue at it, filled us."""
        side = Side.SELL if buyer_is_taker else Side.BUY
        left = exact(quantity)
        for resting in list(self._market.resting(side)):
            if left <= 0 or side.sign * (resting.price - price) < 0:
                break
            left -= self._fill(resting, resting.trade_reaches(price, left))

    def candle(self, candle: Candle, slippage_frac: float) -> None:
        """A candle without a book: see `simulation.candles` for the order of things."""
        market = self._market
        left = exact(candle.volume)
        rested = [*market.buys, *market.sells]
        for stop in list(market.stops):
            price = stop_fill_price(market.instrument, self._at_level(stop), candle, slippage_frac)
            if price is not None and left > 0:
                is_limit = stop.type is OrderType.LIMIT
                market.opposite(stop.side).show(() if is_limit else ((price, float(left)),))
                left -= self._trigger(stop)
        for resting in rested:
            if is_traded_through(resting.order, candle):
                left -= self._fill(resting, left)
        for price in (candle.low, candle.high):
            for stop in list(market.stops):
                self._followed(stop, price)

    def _at_level(self, stop: SimOrder) -> SimOrder:
        """One that follows the price, as the plain stop that it is until the candle is over."""
        if not stop.trail_frac or stop.is_triggered:
            return stop
        level = trail_level(stop)
        return altered(stop, stop_price=level, trigger="stop")

    def stops(self) -> None:
        """Stops that the newest price reaches become market or limit orders."""
        market = self._market
        if not market.stops or market.reference is None:
            return
        for stop in list(market.stops):
            moved = self._followed(stop, market.reference)
            if is_due(moved, market.reference):
                self._trigger(moved)

    def _followed(self, stop: SimOrder, price: float) -> SimOrder:
        moved = followed(stop, price, self._clearing.now_ms)
        if moved is not stop:
            self._market.follow(moved)
        return moved

    def _trigger(self, stop: SimOrder) -> Decimal:
        """Execute a stop; without anything displayed it waits, triggered. Returns what it filled."""
        market = self._market
        if not stop.is_triggered:
            market.remove(stop)
            stop = self._clearing.trigger(stop)
            if stop.type is OrderType.LIMIT:
                return self._enter(stop)
            market.add_stop(stop)
        opposite = market.opposite(stop.side)
        if not opposite.levels:
            return ZERO
        step, budget = market.instrument.quantity_step, self._clearing.account.budget(stop)
        takes = opposite.walk(step, quantity=self._wanted(stop), budget=budget)
        market.remove(stop)
        stop, trades = self.execute(stop, takes)
        if stop.is_open:
            self._clearing.end(stop, OrderStatus.EXPIRED)
        return sum((trade.quantity for trade in trades), ZERO)

    def _enter(self, order: SimOrder) -> Decimal:
        """A limit order whose stop price was reached takes what it can and rests. Returns what it filled."""
        market = self._market
        order, trades = self.execute(order, self.takes(order))
        if order.is_open and order.time_in_force is TimeInForce.GTC:
            market.rest(Resting(order, queue_at_placement(order, market.own(order.side))))
        elif order.is_open:
            self._clearing.end(order, OrderStatus.EXPIRED)
        return sum((trade.quantity for trade in trades), ZERO)

    def takes(self, order: SimRequest | SimOrder) -> list[Take]:
        """What a limit order would take at once; all of it or nothing for FOK."""
        assert order.price is not None
        step, wanted = self._market.instrument.quantity_step, self._wanted(order)
        found = self._market.opposite(order.side).walk(step, quantity=wanted, limit=float(order.price))
        is_short = sum((take.quantity for take in found), ZERO) < wanted
        return [] if order.time_in_force is TimeInForce.FOK and is_short else found

    def _wanted(self, order: SimRequest | SimOrder) -> Decimal:
        """How much of it may still trade, base."""
        quantity = order.remaining if isinstance(order, SimOrder) else order.quantity
        assert quantity is not None
        room = self._clearing.account.room(order)
        return quantity if room is None else min(quantity, room)

    def _meet(self, resting: Resting, opposite: Displayed) -> None:
        order, step = resting.order, self._market.instrument.quantity_step
        takes = opposite.walk(step, quantity=self._wanted(order), limit=resting.price)
        if takes:
            self._fill(resting, sum((take.quantity for take in takes), ZERO))
            opposite.remove(takes)

    def _fill(self, resting: Resting, offered: Decimal) -> Decimal:
        """Fill up to `offered` as maker, at the order's own price; returns how much that was."""
        order = resting.order
        assert order.price is not None
        quantity = floor_to(min(offered, self._wanted(order)), self._market.instrument.quantity_step)
        if quantity <= 0:
            return ZERO
        resting.order, _ = self._clearing.fill(self._market.instrument, order, order.price, quantity, is_maker=True)
        if not resting.order.is_open:
            self._market.remove(order)
        return quantity
