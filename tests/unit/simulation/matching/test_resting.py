"""Limit orders that wait: queue position, partial fills, the book and trades reaching them."""

from tests.unit.simulation.shop import ASKS, BUY, SELL, D, Shop, limit
from trader.domain.orders import OrderStatus


def test_trades_at_the_price_first_use_up_the_queue() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "2", "99.9"))  # 1.0 is ahead
    shop.trade(99.9, 0.7)
    assert shop.now(order).filled == 0
    shop.trade(99.9, 0.8)
    assert shop.now(order).filled == D("0.5")
    shop.trade(99.9, 5.0)
    assert shop.now(order).status is OrderStatus.FILLED


def test_a_maker_fill_is_at_the_own_price_with_the_maker_fee() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(SELL, "1", "100.1"))
    shop.trade(100.1, 3.0, buyer_is_taker=True)
    [trade] = shop.exchange.trades(order.symbol)
    assert (trade.price, trade.is_maker, trade.fee, trade.fee_currency) == (D("100.1"), True, D("0.1001"), "USDT")


def test_trades_of_the_other_side_do_not_move_the_queue() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99.9"))
    shop.trade(99.9, 50.0, buyer_is_taker=True)
    shop.trade(99.9, 1.0)
    assert shop.now(order).filled == 0


def test_a_trade_through_the_price_skips_the_queue() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "2", "99.9"))
    shop.trade(99.8, 0.5)
    assert shop.now(order).filled == D("0.5")


def test_a_trade_above_the_price_does_nothing() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "2", "99.8"))
    shop.trade(99.9, 50.0)
    shop.trade(99.8, 2.0)
    assert shop.now(order).filled == 0


def test_cancels_of_others_shorten_the_queue() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99.9"))
    shop.book(((99.9, 0.4), (99.8, 2.0)), ASKS)
    shop.trade(99.9, 0.5)
    assert shop.now(order).filled == D("0.1")


def test_others_who_come_later_stand_behind() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99.9"))
    shop.book(((99.9, 60.0), (99.8, 2.0)), ASKS)
    shop.trade(99.9, 1.5)
    assert shop.now(order).filled == D("0.5")


def test_an_order_inside_the_spread_is_first() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "100"))
    shop.trade(100.0, 0.3)
    assert shop.now(order).filled == D("0.3")


def test_beyond_the_display_the_queue_is_whatever_appears() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "98"))
    shop.trade(98.0, 4.0)  # nobody knows what was ahead: nothing is claimed
    assert shop.now(order).filled == 0
    shop.book(((98.0, 3.0), (97.0, 2.0)), ASKS)
    shop.trade(98.0, 3.5)
    assert shop.now(order).filled == D("0.5")


def test_the_opposite_side_at_the_price_fills_as_much_as_it_shows() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "3", "99.9"))
    shop.book(((99.5, 1.0),), ((99.8, 0.5), (99.9, 0.7), (100.0, 9.0)))
    after = shop.now(order)
    assert (after.filled, after.average_price) == (D("1.2"), D("99.9"))
    assert after.status is OrderStatus.PARTIALLY_FILLED


def test_the_same_displayed_quantity_does_not_fill_twice() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "3", "99.9"))
    for _ in range(3):
        shop.book(((99.5, 1.0),), ((99.9, 0.7), (100.0, 9.0)))
    assert shop.now(order).filled == D("0.7")


def test_better_price_goes_first_then_the_older_order() -> None:
    shop = Shop()
    names = [("old", "99.9"), ("young", "99.9"), ("better", "100")]
    orders = {name: shop.submit(limit(BUY, "1", price, name=name))[0] for name, price in names}
    shop.book(((99.5, 1.0),), ((99.9, 2.5), (100.5, 9.0)))
    assert {name: shop.now(order).filled for name, order in orders.items()} == {
        "old": D(1),
        "young": D("0.5"),
        "better": D(1),
    }


def test_one_trade_is_shared_not_multiplied() -> None:
    shop = Shop()
    first, _ = shop.submit(limit(BUY, "1", "100", name="first"))
    second, _ = shop.submit(limit(BUY, "1", "100", name="second"))
    shop.trade(100.0, 1.4)
    assert (shop.now(first).filled, shop.now(second).filled) == (D(1), D("0.4"))


def test_post_only_rests_or_is_refused() -> None:
    shop = Shop()
    assert shop.refused(limit(BUY, "1", "100.1", post_only=True)) == "would_match"
    assert shop.refused(limit(SELL, "1", "99.9", post_only=True)) == "would_match"
    order, trades = shop.submit(limit(BUY, "1", "100", post_only=True))
    assert (order.status, trades) == (OrderStatus.OPEN, [])


def test_a_resting_order_locks_and_a_cancel_frees() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "2", "99"))
    assert (shop.balance("USDT").free, shop.balance("USDT").locked) == (D(10_000) - 198, D(198))
    canceled = shop.exchange.cancel(order.symbol, shop.tick(), client_id="l")
    assert canceled.status is OrderStatus.CANCELED
    assert (shop.balance("USDT").free, shop.balance("USDT").locked) == (D(10_000), D(0))
    shop.book(((98.0, 1.0),), ((98.5, 9.0),))
    assert shop.now(order).filled == 0


def test_a_forgotten_book_leaves_orders_waiting() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99.9"))
    shop.exchange.forget_book(order.symbol)
    shop.book(((99.0, 1.0),), ((99.5, 9.0),))
    assert shop.now(order).status is OrderStatus.FILLED


def test_market_time_never_goes_back() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99.9"))
    late = shop.exchange.now_ms
    shop.exchange.on_book(order.symbol, 1, ((99.0, 1.0),), ((99.5, 9.0),))
    assert shop.exchange.trades(order.symbol)[0].ts_ms == late
