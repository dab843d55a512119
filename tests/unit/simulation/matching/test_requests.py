"""Refusals with their codes, cancel, replace and the queries."""

from decimal import Decimal

import msgspec
import pytest

from tests.unit.simulation.shop import BUY, SELL, SYMBOL, D, Shop, limit, market, stop
from trader.domain.errors import Rejected
from trader.domain.orders import OrderStatus, OrderType
from trader.simulation.records.memory import Window
from trader.simulation.records.sim_orders import OrderChanged, ReplaceFailed, SimRequest


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (limit(BUY, "0.0005", "100"), "lot_size"),
        (limit(BUY, "0.0015", "100"), "lot_size"),
        (limit(BUY, "0", "100"), "lot_size"),
        (limit(BUY, "101", "90"), "lot_size"),
        (limit(BUY, "1", "100.05"), "price_filter"),
        (limit(BUY, "1", "0"), "price_filter"),
        (stop(SELL, "1", "99.05"), "price_filter"),
        (limit(BUY, "0.04", "99"), "min_notional"),
        (market(BUY, "0.04"), "min_notional"),
        (market(BUY, None, quote="4.99"), "min_notional"),
        (market(SELL, "10.001"), "insufficient_funds"),
        (limit(BUY, "100", "100.1", name="x"), "insufficient_funds"),
        (limit(SELL, "10.001", "101"), "insufficient_funds"),
        (stop(SELL, "10.001", "99"), "insufficient_funds"),
        (stop(BUY, "99.5", "101"), "insufficient_funds"),
        (msgspec.structs.replace(market(BUY, "1"), symbol="ETH/USDT"), "unknown_symbol"),
        (msgspec.structs.replace(market(BUY, "1"), price=D(100)), "bad_request"),
        (msgspec.structs.replace(market(BUY, "1"), quote_quantity=D(100)), "bad_request"),
        (msgspec.structs.replace(market(BUY, "1"), quantity=None), "bad_request"),
        (msgspec.structs.replace(limit(BUY, "1", "99"), price=None), "bad_request"),
        (msgspec.structs.replace(limit(BUY, "1", "99", post_only=True), stop_price=D(101)), "bad_request"),
        (msgspec.structs.replace(limit(BUY, "1", "99"), trigger="take_profit"), "bad_request"),
        (msgspec.structs.replace(market(BUY, "1"), stop_price=D(101)), "bad_request"),
        (msgspec.structs.replace(stop(BUY, "1", "101"), stop_price=None), "bad_request"),
        (msgspec.structs.replace(limit(BUY, "1", "99", ioc=True), post_only=True), "bad_request"),
        (SimRequest(SYMBOL, "q", BUY, OrderType.LIMIT, None, D(99), quote_quantity=D(99)), "bad_request"),
    ],
)
def test_refusals_change_nothing_and_have_a_stable_code(request_: SimRequest, code: str) -> None:
    shop = Shop()
    assert shop.refused(request_) == code
    assert shop.events == []


def test_a_market_order_that_costs_more_than_there_is_is_refused() -> None:
    shop = Shop()
    shop.book(((99.9, 50.0),), ((100.1, 50.0), (100.2, 50.0)))
    assert shop.refused(market(BUY, "100")) == "insufficient_funds"
    assert shop.submit(market(BUY, "99"))[0].status is OrderStatus.FILLED


def test_a_quote_quantity_below_one_step_is_refused() -> None:
    shop = Shop()
    shop.book(((50_000.0, 1.0),), ((50_001.0, 1.0),))
    assert shop.refused(market(BUY, None, quote="40")) == "lot_size"


def test_an_open_client_id_cannot_be_used_again_but_an_ended_one_can() -> None:
    shop = Shop()
    first, _ = shop.submit(limit(BUY, "1", "99", name="same"))
    assert shop.refused(limit(BUY, "1", "98", name="same")) == "duplicate_client_id"
    shop.exchange.cancel(SYMBOL, shop.tick(), client_id="same")
    second, _ = shop.submit(limit(BUY, "1", "98", name="same"))
    assert second.exchange_id > first.exchange_id
    assert shop.exchange.order(SYMBOL, client_id="same") == second
    shop.exchange.cancel(SYMBOL, shop.tick(), client_id="same")
    newest = shop.exchange.order(SYMBOL, client_id="same")
    assert newest is not None
    assert newest.exchange_id == second.exchange_id


def test_an_order_without_client_id_gets_one() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99", name=""))
    assert order.client_id
    assert shop.exchange.order(SYMBOL, client_id=order.client_id) == order


def test_cancel_by_either_id_and_only_once() -> None:
    shop = Shop()
    a, _ = shop.submit(limit(BUY, "1", "99", name="a"))
    shop.submit(limit(BUY, "1", "99", name="b"))
    assert shop.exchange.cancel(SYMBOL, shop.tick(), exchange_id=a.exchange_id).client_id == "a"
    assert shop.exchange.cancel(SYMBOL, shop.tick(), client_id="b").status is OrderStatus.CANCELED
    for name in ("a", "b", "never"):
        with pytest.raises(Rejected) as caught:
            shop.exchange.cancel(SYMBOL, shop.tick(), client_id=name)
        assert caught.value.code == "unknown_order"
    with pytest.raises(Rejected):
        shop.exchange.cancel("ETH/USDT", shop.tick(), exchange_id=a.exchange_id)


def test_replace_is_cancel_and_new_in_one_step() -> None:
    shop = Shop()
    old, _ = shop.submit(stop(SELL, "10", "98", name="old"))
    shop.events.clear()
    canceled, new, trades = shop.exchange.replace(stop(SELL, "10", "99", name="new"), shop.tick(), client_id="old")
    assert (canceled.exchange_id, canceled.status) == (old.exchange_id, OrderStatus.CANCELED)
    assert (new.status, new.stop_price, trades) == (OrderStatus.OPEN, D(99), [])
    assert [e.kind for e in shop.events if isinstance(e, OrderChanged)] == ["canceled", "new"]
    assert shop.balance("BTC").locked == D(10)


def test_replace_may_keep_the_client_id() -> None:
    shop = Shop()
    shop.submit(limit(BUY, "1", "98", name="same"))
    _, new, _ = shop.exchange.replace(limit(BUY, "1", "99", name="same"), shop.tick(), client_id="same")
    assert shop.exchange.open_orders() == [new]


def test_replace_of_nothing_places_nothing() -> None:
    shop = Shop()
    with pytest.raises(Rejected) as caught:
        shop.exchange.replace(limit(BUY, "1", "99", name="new"), shop.tick(), client_id="never")
    assert caught.value.code == "unknown_order"
    assert not isinstance(caught.value, ReplaceFailed)
    assert shop.exchange.orders(SYMBOL) == []


def test_replace_with_a_malformed_order_keeps_the_old_one() -> None:
    shop = Shop()
    old, _ = shop.submit(limit(BUY, "1", "98", name="old"))
    with pytest.raises(Rejected) as caught:
        shop.exchange.replace(limit(BUY, "1", "98.77", name="new"), shop.tick(), client_id="old")
    assert caught.value.code == "price_filter"
    assert shop.exchange.open_orders() == [old]


def test_replace_with_a_refused_order_leaves_the_old_one_canceled_and_says_so() -> None:
    shop = Shop()
    old, _ = shop.submit(limit(BUY, "1", "98", name="old"))
    with pytest.raises(ReplaceFailed) as caught:
        shop.exchange.replace(limit(BUY, "100", "101", name="new"), shop.tick(), client_id="old")
    assert caught.value.code == "insufficient_funds"
    assert caught.value.canceled == shop.now(old)
    assert shop.exchange.open_orders() == []
    assert shop.balance("USDT").free == Decimal(10_000)


def test_queries_by_time_and_id() -> None:
    shop = Shop()
    orders = [shop.submit(limit(BUY, "1", "99.9", name=f"o{i}"))[0] for i in range(5)]
    ids = [order.exchange_id for order in orders]
    exchange = shop.exchange

    def found(**arguments: int) -> list[int]:
        return [order.exchange_id for order in exchange.orders(SYMBOL, Window(**arguments))]

    assert found() == ids
    assert found(limit=2) == ids[-2:]
    assert found(since_ms=orders[1].created_ms, limit=2) == ids[1:3]
    assert found(until_ms=orders[1].created_ms) == ids[:2]
    assert found(from_id=ids[3]) == ids[3:]
    shop.trade(99.8, 10.0)
    trades = exchange.trades(SYMBOL)
    assert [t.exchange_id for t in trades] == ids
    assert exchange.trades(SYMBOL, Window(limit=2)) == trades[-2:]
    assert exchange.trades(SYMBOL, Window(from_id=trades[1].trade_id, limit=2)) == trades[1:3]
    assert exchange.trades(SYMBOL, exchange_id=ids[2]) == [trades[2]]
    assert exchange.trades("ETH/USDT") == []
    assert exchange.orders("ETH/USDT") == []


def test_open_orders_are_those_of_the_symbol_oldest_first() -> None:
    shop = Shop()
    shop.submit(limit(BUY, "1", "99", name="a"))
    shop.submit(stop(SELL, "1", "98", name="b"))
    shop.submit(limit(BUY, "1", "99.5", name="c"))
    assert [order.client_id for order in shop.exchange.open_orders(SYMBOL)] == ["a", "b", "c"]
    assert shop.exchange.open_orders("ETH/USDT") == []
