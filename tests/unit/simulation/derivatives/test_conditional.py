"""Orders that wait for a price and then rest, take profits, fill-or-kill, and money from outside."""

from pathlib import Path

import msgspec
import pytest

from tests.unit.simulation.shop import ASKS, BIDS, BUY, SELL, SYMBOL, D, Shop, limit, market, stop
from trader.domain.errors import Rejected
from trader.domain.market import Candle
from trader.domain.orders import OrderStatus, Side, TimeInForce
from trader.simulation.records.sim_orders import BalanceChanged, OrderChanged, SimRequest, Transferred
from trader.simulation.records.store import SimulationStore

FOK = TimeInForce.FOK


def stop_limit(side: Side, quantity: str, stop_price: str, price: str, *, name: str = "sl") -> SimRequest:
    return msgspec.structs.replace(limit(side, quantity, price, name=name), stop_price=D(stop_price))


def take_profit(side: Side, quantity: str, stop_price: str) -> SimRequest:
    return msgspec.structs.replace(stop(side, quantity, stop_price, name="tp"), trigger="take_profit")


def test_a_take_profit_waits_on_the_other_side_of_the_price() -> None:
    shop = Shop()
    assert shop.refused(take_profit(SELL, "1", "99")) == "would_trigger"
    assert shop.refused(take_profit(BUY, "1", "101")) == "would_trigger"
    selling, _ = shop.submit(take_profit(SELL, "2", "101"))
    shop.book(((98.0, 5.0),), ((98.2, 5.0),))
    assert shop.now(selling).status is OrderStatus.OPEN
    shop.book(((101.0, 5.0),), ((101.2, 5.0),))
    after = shop.now(selling)
    assert (after.status, after.average_price) == (OrderStatus.FILLED, D(101))
    buying, _ = shop.submit(take_profit(BUY, "1", "100"))
    shop.trade(99.9, 1.0)
    assert shop.now(buying).status is OrderStatus.FILLED


def test_a_stop_limit_locks_at_its_limit_and_takes_up_to_it_once_reached() -> None:
    shop = Shop()
    order, trades = shop.submit(stop_limit(BUY, "2", "101", "102"))
    assert (order.is_waiting, trades, shop.balance("USDT").locked) == (True, [], D(204))
    shop.book(((100.9, 1.0),), ((101.3, 1.5), (103.0, 9.0)))
    after = shop.now(order)
    assert (after.status, after.filled, after.is_waiting) == (OrderStatus.PARTIALLY_FILLED, D("1.5"), False)
    assert shop.balance("USDT").locked == D("0.5") * 102
    shop.trade(101.9, 5.0, buyer_is_taker=False)  # sellers come down through its price: the rest fills as maker
    after = shop.now(order)
    assert (after.status, shop.exchange.trades(SYMBOL)[-1].is_maker) == (OrderStatus.FILLED, True)
    assert shop.exchange.trades(SYMBOL)[-1].price == D(102)
    assert shop.balance("USDT").locked == 0


def test_a_stop_limit_beyond_the_book_rests_and_can_be_cancelled() -> None:
    shop = Shop()
    order, _ = shop.submit(stop_limit(SELL, "2", "99", "98.5"))
    shop.book(((97.0, 5.0),), ((97.2, 5.0),))
    resting = shop.now(order)
    assert (resting.status, resting.is_triggered, resting.filled) == (OrderStatus.OPEN, True, D(0))
    told = [event.kind for event in shop.events if isinstance(event, OrderChanged)]
    assert told == ["new", "new"]  # placed, then working
    shop.exchange.cancel(SYMBOL, shop.tick(), client_id="sl")
    assert (shop.balance("BTC").free, shop.balance("BTC").locked) == (D(10), D(0))


def test_conditional_orders_survive_a_restart_waiting_and_working(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    shop = Shop(store)
    shop.submit(stop_limit(SELL, "2", "99", "98.5", name="works"))
    shop.submit(stop_limit(SELL, "2", "90", "89", name="waits"))
    shop.book(((97.0, 5.0),), ((97.2, 5.0),))
    store.close()
    again = Shop(SimulationStore(tmp_path / "a.db"), with_book=False).exchange
    again.on_book(SYMBOL, again.now_ms + 1, ((98.6, 1.0),), ((98.8, 1.0),))
    filled, waits = (again.order(SYMBOL, client_id=name) for name in ("works", "waits"))
    assert filled is not None
    assert waits is not None
    assert (filled.status, filled.filled) == (OrderStatus.PARTIALLY_FILLED, D(1))
    assert (waits.status, waits.is_waiting) == (OrderStatus.OPEN, True)


@pytest.mark.parametrize(("quantity", "filled", "status"), [("3", "3", "filled"), ("3.001", "0", "expired")])
def test_fill_or_kill_takes_all_of_it_or_nothing(quantity: str, filled: str, status: str) -> None:
    shop = Shop()
    request = msgspec.structs.replace(limit(BUY, quantity, "100.2"), time_in_force=FOK)
    order, _ = shop.submit(request)
    assert (order.filled, order.status.value) == (D(filled), status)
    assert shop.balance("USDT").locked == 0
    shop.book(BIDS, ASKS)
    waiting = msgspec.structs.replace(stop_limit(SELL, "9", "99", "98"), time_in_force=FOK)
    order, _ = shop.submit(waiting)
    assert order.status is OrderStatus.OPEN
    shop.book(((98.9, 8.9),), ((99.0, 1.0),))
    assert (shop.now(order).status, shop.now(order).filled) == (OrderStatus.EXPIRED, D(0))


def candle(shop: Shop, low: float, high: float, close: float) -> Candle:
    open_ms = shop.tick()
    shop.wait(60_000)
    return Candle(SYMBOL, open_ms, 60_000, 100.0, high, low, close, 50.0)


def test_on_candles_a_take_profit_gets_its_price_and_a_stop_limit_rests_first() -> None:
    shop = Shop(with_book=False)
    shop.exchange.on_candle(candle(shop, 99.5, 100.5, 100.0))
    profit, _ = shop.submit(take_profit(SELL, "1", "102"))
    resting, _ = shop.submit(stop_limit(SELL, "1", "98", "97.5"))
    shop.exchange.on_candle(candle(shop, 97.0, 105.0, 100.0))
    sold = shop.now(profit)
    assert sold.average_price is not None
    assert D("101.9") <= sold.average_price < D(102)  # not the 105 the candle reached
    assert (shop.now(resting).is_triggered, shop.now(resting).filled) == (True, D(0))
    shop.exchange.on_candle(candle(shop, 97.0, 100.0, 97.2))
    assert shop.now(resting).average_price == D("97.5")


def test_money_from_outside_is_told_stored_and_spendable(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    shop = Shop(store)
    shop.exchange.deposit("USDT", D("500.5"), shop.tick())
    shop.exchange.deposit("BTC", D(-4), shop.tick())
    assert (shop.balance("USDT").free, shop.balance("BTC").free) == (D("10500.5"), D(6))
    assert [type(event) for event in shop.events] == [Transferred, BalanceChanged] * 2
    shop.submit(market(SELL, "4"))
    for currency, amount, code in (("BTC", "-2.1", "insufficient_funds"), ("USDT", "0", "bad_request")):
        with pytest.raises(Rejected) as refused:
            shop.exchange.deposit(currency, D(amount), shop.tick())
        assert refused.value.code == code
    before = shop.exchange.balances()
    store.close()
    assert Shop(SimulationStore(tmp_path / "a.db")).exchange.balances() == before
