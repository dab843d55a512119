"""A small exchange to trade at: one symbol, a three-level book, short ways to order."""

from decimal import Decimal

import pytest

from trader.domain.account import Balance
from trader.domain.errors import Rejected
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.memory import Records
from trader.simulation.records.sim_orders import SimEvent, SimOrder, SimRequest, SimTrade

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
SYMBOL = "BTC/USDT"
BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    kind=InstrumentKind.SPOT,
    price_tick=D("0.1"),
    quantity_step=D("0.001"),
    min_quantity=D("0.001"),
    max_quantity=D(100),
    min_notional=D(5),
    maker_fee_frac=0.001,
    taker_fee_frac=0.002,
)
BIDS = ((99.9, 1.0), (99.8, 2.0), (99.0, 5.0))
ASKS = ((100.1, 1.0), (100.2, 2.0), (101.0, 5.0))


class Shop:
    """An exchange with 10,000 USDT and 10 BTC, its events, and a clock that ticks with every call."""

    def __init__(self, store: Records | None = None, *, with_book: bool = True) -> None:
        self.exchange = SimulatedExchange(
            {SYMBOL: BTC}, opening_balances={"USDT": D(10_000), "BTC": D(10)}, store=store
        )
        self.events: list[SimEvent] = []
        self.exchange.subscribe(self.events.append)
        self._now_ms = self.exchange.now_ms
        if with_book:
            self.book()

    def tick(self) -> int:
        self._now_ms += 10
        return self._now_ms

    def wait(self, passed_ms: int) -> None:
        self._now_ms += passed_ms

    def book(self, bids: tuple[tuple[float, float], ...] = BIDS, asks: tuple[tuple[float, float], ...] = ASKS) -> None:
        self.exchange.on_book(SYMBOL, self.tick(), bids, asks)

    def trade(self, price: float, quantity: float, *, buyer_is_taker: bool = False) -> None:
        self.exchange.on_trade(SYMBOL, self.tick(), price, quantity, buyer_is_taker)

    def submit(self, request: SimRequest) -> tuple[SimOrder, list[SimTrade]]:
        return self.exchange.submit(request, self.tick())

    def refused(self, request: SimRequest) -> str:
        """The code of the refusal; balances and orders are as before."""
        before = (self.exchange.balances(), self.exchange.orders(SYMBOL))
        with pytest.raises(Rejected) as caught:
            self.submit(request)
        assert (self.exchange.balances(), self.exchange.orders(SYMBOL)) == before
        return caught.value.code

    def now(self, order: SimOrder) -> SimOrder:
        """The same order as it is now."""
        found = self.exchange.order(order.symbol, exchange_id=order.exchange_id)
        assert found is not None
        return found

    def balance(self, currency: str) -> Balance:
        return next(each for each in self.exchange.balances() if each.currency == currency)


def market(side: Side, quantity: str | None, *, quote: str | None = None, name: str = "m") -> SimRequest:
    return SimRequest(
        SYMBOL,
        name,
        side,
        OrderType.MARKET,
        None if quantity is None else D(quantity),
        quote_quantity=None if quote is None else D(quote),
    )


def limit(
    side: Side, quantity: str, price: str, *, ioc: bool = False, post_only: bool = False, name: str = "l"
) -> SimRequest:
    force = TimeInForce.IOC if ioc else TimeInForce.GTC
    return SimRequest(
        SYMBOL, name, side, OrderType.LIMIT, D(quantity), D(price), time_in_force=force, post_only=post_only
    )


def stop(side: Side, quantity: str, stop_price: str, *, name: str = "s") -> SimRequest:
    return SimRequest(SYMBOL, name, side, OrderType.STOP_MARKET, D(quantity), stop_price=D(stop_price))
