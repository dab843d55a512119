"""Stop orders: they lock, wait, trigger on the last trade or the mid, and walk the book."""

from tests.unit.simulation.shop import ASKS, BUY, SELL, SYMBOL, D, Shop, limit, market, stop
from trader.domain.orders import OrderStatus


def test_a_sell_stop_locks_its_base_and_waits() -> None:
    shop = Shop()
    order, trades = shop.submit(stop(SELL, "4", "99"))
    assert (order.status, trades) == (OrderStatus.OPEN, [])
    assert (shop.balance("BTC").free, shop.balance("BTC").locked) == (D(6), D(4))
    assert shop.refused(market(SELL, "7")) == "insufficient_funds"


def test_a_last_trade_at_the_stop_price_triggers() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(SELL, "2", "99.5"))
    shop.trade(99.6, 1.0)
    assert shop.now(order).status is OrderStatus.OPEN
    shop.trade(99.5, 1.0)
    after = shop.now(order)
    assert (after.status, after.is_triggered) == (OrderStatus.FILLED, True)
    assert [(t.price, t.quantity, t.is_maker) for t in shop.exchange.trades(SYMBOL)] == [
        (D("99.9"), D(1), False),
        (D("99.8"), D(1), False),
    ]
    assert shop.balance("BTC").locked == 0


def test_a_mid_beyond_the_stop_price_triggers_at_what_is_left_of_the_book() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(SELL, "2", "99"))
    shop.book(((97.0, 1.5), (96.0, 4.0)), ((97.2, 1.0),))
    assert shop.now(order).average_price == (D(97) * D("1.5") + D(96) * D("0.5")) / 2


def test_a_stop_takes_what_the_book_has_and_the_rest_expires() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(SELL, "9", "99"))
    shop.book(((97.0, 1.5),), ((97.2, 1.0),))
    after = shop.now(order)
    assert (after.status, after.filled) == (OrderStatus.EXPIRED, D("1.5"))
    assert shop.balance("BTC").locked == 0


def test_a_buy_stop_locks_quote_at_its_price_and_pays_more_from_what_is_free() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(BUY, "2", "101"))
    assert shop.balance("USDT").locked == D(202)
    shop.book(((102.9, 1.0),), ((103.0, 9.0),))
    after = shop.now(order)
    assert (after.status, after.filled_quote) == (OrderStatus.FILLED, D(206))
    assert (shop.balance("USDT").free, shop.balance("USDT").locked) == (D(10_000) - 206, D(0))


def test_a_buy_stop_never_spends_more_than_there_is() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(BUY, "90", "101"))
    shop.book(((149.0, 1.0),), ((150.0, 100.0),))
    after = shop.now(order)
    assert (after.status, after.filled) == (OrderStatus.EXPIRED, D("66.666"))
    assert 0 <= shop.balance("USDT").free < D(150) * D("0.001")


def test_a_stop_that_is_already_reached_is_refused() -> None:
    shop = Shop()
    assert shop.refused(stop(SELL, "1", "100")) == "would_trigger"  # the mid is 100
    assert shop.refused(stop(BUY, "1", "100")) == "would_trigger"
    shop.trade(99.0, 1.0)
    assert shop.refused(stop(SELL, "1", "99.5")) == "would_trigger"


def test_a_triggered_stop_without_a_book_waits_for_one_even_if_the_price_comes_back() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(SELL, "1", "99"))
    shop.exchange.forget_book(SYMBOL)
    shop.trade(98.0, 1.0)
    assert (shop.now(order).is_triggered, shop.now(order).is_open) == (True, True)
    assert shop.balance("BTC").locked == D(1)
    shop.book()
    assert (shop.now(order).status, shop.now(order).average_price) == (OrderStatus.FILLED, D("99.9"))


def test_a_waiting_triggered_stop_can_be_canceled() -> None:
    shop = Shop()
    order, _ = shop.submit(stop(BUY, "1", "101"))
    shop.exchange.forget_book(SYMBOL)
    shop.trade(102.0, 1.0)
    shop.exchange.cancel(SYMBOL, shop.tick(), exchange_id=order.exchange_id)
    shop.book(((102.9, 1.0),), ((103.0, 9.0),))
    assert shop.now(order).status is OrderStatus.CANCELED
    assert (shop.balance("USDT").free, shop.balance("USDT").locked) == (D(10_000), D(0))


def test_stops_share_the_book_in_order_of_age() -> None:
    shop = Shop()
    first, _ = shop.submit(stop(SELL, "1", "99", name="first"))
    second, _ = shop.submit(stop(SELL, "1", "99.5", name="second"))
    shop.book(((98.0, 1.0), (97.0, 1.0)), ((98.5, 1.0),))
    assert (shop.now(first).average_price, shop.now(second).average_price) == (D(98), D(97))


def test_a_resting_limit_meets_the_book_before_a_stop_does() -> None:
    shop = Shop()
    shop.submit(limit(SELL, "1", "100.1", name="resting"))
    protective, _ = shop.submit(stop(BUY, "1", "104", name="stop"))
    shop.book(((105.0, 1.0),), ASKS[2:])
    assert shop.exchange.order(SYMBOL, client_id="resting") is not None
    assert shop.exchange.trades(SYMBOL)[0].price == D("100.1")
    assert shop.now(protective).is_open  # mid (105 + 101) / 2 = 103
