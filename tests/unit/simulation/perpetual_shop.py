"""A small perpetual exchange to trade at: one symbol, a three-level book, short ways to order."""

from decimal import Decimal
from typing import Any

import pytest

from trader.domain.errors import Rejected
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.orders import OrderType, Side, TimeInForce
from trader.simulation.accounts.margin import AccountMargin
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.conditional import Conditional, ConditionalKind, WorkingPrice
from trader.simulation.records.memory import Records
from trader.simulation.records.positions import SimPosition
from trader.simulation.records.sim_orders import SimEvent, SimOrder, SimRequest, SimTrade

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
SYMBOL = "BTC/USDT:USDT"
BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    kind=InstrumentKind.PERPETUAL,
    price_tick=D("0.1"),
    quantity_step=D("0.001"),
    min_quantity=D("0.001"),
    max_quantity=D(1_000),
    min_notional=D(5),
    maker_fee_frac=0.0002,
    taker_fee_frac=0.0005,
)
BIDS = ((99.9, 10.0), (99.8, 20.0), (99.0, 50.0))
ASKS = ((100.1, 10.0), (100.2, 20.0), (101.0, 50.0))
START_MS = 1_736_121_600_000 + 3_600_000


class PerpetualShop:
    """An exchange with 1,000 USDT, its events, and a clock that ticks with every call."""

    def __init__(self, store: Records | None = None, *, rate: str = "0.0001") -> None:
        self.rate = D(rate)
        self.exchange = PerpetualExchange(
            {SYMBOL: BTC}, opening_balances={"USDT": D(1_000)}, funding_rates=lambda _s, _due: self.rate, store=store
        )
        self.events: list[SimEvent] = []
        self.exchange.subscribe(self.events.append)
        self._now_ms = max(START_MS, self.exchange.now_ms)
        self.book()
        self.mark(100.0)

    def tick(self) -> int:
        self._now_ms += 10
        return self._now_ms

    def wait(self, hours: float) -> None:
        self._now_ms += round(hours * 3_600_000)

    def book(self, bids: tuple[tuple[float, float], ...] = BIDS, asks: tuple[tuple[float, float], ...] = ASKS) -> None:
        self.exchange.on_book(SYMBOL, self.tick(), bids, asks)

    def mark(self, price: float) -> None:
        self.exchange.on_mark(SYMBOL, self.tick(), price)

    def trade(self, price: float, quantity: float = 1.0, *, buyer_is_taker: bool = False) -> None:
        self.exchange.on_trade(SYMBOL, self.tick(), price, quantity, buyer_is_taker)

    def submit(self, request: SimRequest) -> tuple[SimOrder, list[SimTrade]]:
        return self.exchange.submit(request, self.tick())

    def refused(self, request: SimRequest) -> str:
        """The code of the refusal; money, orders and positions are as before."""
        before = self._everything()
        with pytest.raises(Rejected) as caught:
            self.submit(request)
        assert self._everything() == before
        return caught.value.code

    def place(self, kind: ConditionalKind, side: Side, trigger: str | None, **changes: Any) -> Conditional:
        return self.exchange.place_conditional(conditional(kind, side, trigger, **changes), self.tick())

    def now(self, which: SimOrder) -> SimOrder:
        found = self.exchange.order(which.symbol, exchange_id=which.exchange_id)
        assert found is not None
        return found

    def state(self, which: Conditional) -> Conditional:
        found = self.exchange.conditional(conditional_id=which.conditional_id)
        assert found is not None
        return found

    @property
    def position(self) -> SimPosition:
        return self.exchange.position(SYMBOL)

    @property
    def margin(self) -> AccountMargin:
        return self.exchange.margin("USDT")

    def _everything(self) -> object:
        return self.exchange.balances(), self.exchange.orders(SYMBOL), self.position, self.exchange.incomes()


def market(side: Side, quantity: str, *, reduce_only: bool = False, name: str = "m") -> SimRequest:
    return SimRequest(SYMBOL, name, side, OrderType.MARKET, D(quantity), reduce_only=reduce_only)


def limit(side: Side, quantity: str, price: str, *, name: str = "l", force: str = "gtc", **flags: Any) -> SimRequest:
    return SimRequest(
        SYMBOL, name, side, OrderType.LIMIT, D(quantity), D(price), time_in_force=TimeInForce(force), **flags
    )


def conditional(kind: ConditionalKind, side: Side, trigger: str | None, **changes: Any) -> Conditional:
    values: dict[str, Any] = {
        "conditional_id": 0,
        "client_id": "c",
        "symbol": SYMBOL,
        "side": side,
        "kind": kind,
        "quantity": D(1),
        "trigger_price": None if trigger is None else D(trigger),
        "price": None,
        "time_in_force": TimeInForce.GTC,
        "post_only": False,
        "reduce_only": False,
        "working": WorkingPrice.CONTRACT,
        "created_ms": 0,
        "updated_ms": 0,
    }
    return Conditional(**{**values, **changes})
