"""Orders that take liquidity: market, marketable limit, IOC."""

import msgspec

from tests.unit.simulation.shop import ASKS, BIDS, BTC, BUY, SELL, SYMBOL, D, Shop, limit, market
from trader.domain.orders import OrderStatus
from trader.simulation.accounts.costs import commission
from trader.simulation.records.sim_orders import BalanceChanged, OrderChanged


def test_a_market_order_walks_the_book_and_averages_over_the_levels() -> None:
    order, trades = Shop().submit(market(BUY, "2.5"))
    assert [(t.price, t.quantity) for t in trades] == [(D("100.1"), D(1)), (D("100.2"), D("1.5"))]
    assert order.status is OrderStatus.FILLED
    assert order.average_price == (D("100.1") + D("1.5") * D("100.2")) / D("2.5")


def test_a_sell_walks_the_bids_downwards() -> None:
    _, trades = Shop().submit(market(SELL, "3.5"))
    assert [(t.price, t.quantity) for t in trades] == [(D("99.9"), D(1)), (D("99.8"), D(2)), (D(99), D("0.5"))]


def test_what_the_book_cannot_fill_expires() -> None:
    shop = Shop()
    order, trades = shop.submit(market(SELL, "9"))
    assert (order.status, order.filled, len(trades)) == (OrderStatus.EXPIRED, D(8), 3)
    assert shop.balance("BTC").locked == 0
    assert not shop.exchange.open_orders()


def test_slices_inside_one_update_cannot_eat_the_same_quantity() -> None:
    shop = Shop()
    prices = [shop.submit(market(BUY, "0.8", name=f"slice{i}"))[1] for i in range(3)]
    taken = [[(float(t.price), float(t.quantity)) for t in trades] for trades in prices]
    assert taken == [[(100.1, 0.8)], [(100.1, 0.2), (100.2, 0.6)], [(100.2, 0.8)]]


def test_an_unchanged_level_is_not_refilled_by_the_next_update_but_a_changed_one_is() -> None:
    shop = Shop()
    shop.submit(market(BUY, "3", name="a"))
    shop.book(BIDS, ((100.1, 1.0), (100.2, 3.0), (101.0, 5.0)))
    _, trades = shop.submit(market(BUY, "3", name="b"))
    assert [(t.price, t.quantity) for t in trades] == [(D("100.2"), D(3))]


def test_a_marketable_limit_takes_up_to_its_price_and_rests_with_the_remainder() -> None:
    shop = Shop()
    order, trades = shop.submit(limit(BUY, "5", "100.2"))
    assert [(t.price, t.is_maker) for t in trades] == [(D("100.1"), False), (D("100.2"), False)]
    assert (order.status, order.remaining) == (OrderStatus.PARTIALLY_FILLED, D(2))
    assert shop.exchange.open_orders() == [order]
    assert shop.balance("USDT").locked == D(2) * D("100.2")


def test_the_remainder_of_a_marketable_limit_does_not_fill_from_what_it_already_took() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "5", "100.2"))
    shop.book(((100.2, 3.0),), ASKS)
    assert shop.now(order) == order


def test_an_ioc_never_rests() -> None:
    shop = Shop()
    partly, _ = shop.submit(limit(BUY, "5", "100.1", ioc=True))
    nothing, trades = shop.submit(limit(BUY, "5", "100", ioc=True))
    assert (partly.status, partly.filled) == (OrderStatus.EXPIRED, D(1))
    assert (nothing.status, trades) == (OrderStatus.EXPIRED, [])
    assert shop.balance("USDT").locked == 0


def test_fees_come_out_of_what_is_received() -> None:
    shop = Shop()
    _, [bought] = shop.submit(market(BUY, "1"))
    assert (bought.fee, bought.fee_currency) == (D("0.002"), "BTC")
    _, [sold] = shop.submit(market(SELL, "1"))
    assert (sold.fee, sold.fee_currency) == (D("0.1998"), "USDT")
    assert shop.balance("BTC").free == D(10) + D(1) - D("0.002") - D(1)
    assert shop.balance("USDT").free == D(10_000) - D("100.1") + D("99.9") - D("0.1998")


def test_fees_are_cut_to_eight_decimals_and_never_exceed_what_was_received() -> None:
    priced = msgspec.structs.replace(BTC, taker_fee_frac=0.00075)
    assert commission(priced, SELL, D("123.45"), D("0.123"), is_maker=False) == (D("0.01138826"), "USDT")
    assert commission(priced, BUY, D("123.45"), D("0.00001"), is_maker=False) == (D("0"), "BTC")
    assert commission(priced, BUY, D("123.45"), D("0.5"), is_maker=True) == (D("0.0005"), "BTC")


def test_a_quote_quantity_spends_at_most_that_much() -> None:
    shop = Shop()
    order, _ = shop.submit(market(BUY, None, quote="250"))
    assert order.status is OrderStatus.FILLED
    assert order.quantity == order.filled == D("2.496")  # 1 at 100.1, then 149.9 / 100.2 rounded down
    assert D(250) - D("100.2") * D("0.001") < order.filled_quote <= D(250)


def test_sizes_off_the_step_are_rounded_down() -> None:
    shop = Shop()
    shop.book(BIDS, ((100.1, 0.0019), (100.2, 1.0)))
    _, trades = shop.submit(market(BUY, "0.1"))
    assert [t.quantity for t in trades] == [D("0.001"), D("0.099")]


def test_without_a_book_there_is_nothing_to_take() -> None:
    assert Shop(with_book=False).refused(market(BUY, "1")) == "no_liquidity"
    shop = Shop()
    shop.exchange.forget_book(SYMBOL)
    assert not shop.exchange.has_market(SYMBOL)
    assert shop.refused(market(BUY, "1")) == "no_liquidity"


def test_listeners_hear_new_then_trades_then_the_balances_once() -> None:
    shop = Shop()
    order, trades = shop.submit(market(BUY, "2"))
    *changes, balances = shop.events
    assert [c.kind for c in changes if isinstance(c, OrderChanged)] == ["new", "trade", "trade"]
    assert [c.trade for c in changes if isinstance(c, OrderChanged)] == [None, *trades]
    assert isinstance(changes[-1], OrderChanged)
    assert changes[-1].order == order
    assert isinstance(balances, BalanceChanged)
    assert [b.currency for b in balances.balances] == ["BTC", "USDT"]


def test_a_listener_may_order_and_everybody_hears_in_order() -> None:
    shop = Shop()
    heard: list[str] = []

    def answer(event: object) -> None:
        if isinstance(event, OrderChanged):
            heard.append(f"{event.order.client_id} {event.kind}")
            if event.order.client_id == "first" and event.kind == "new":
                shop.submit(market(SELL, "1", name="second"))

    shop.exchange.subscribe(answer)
    shop.submit(market(BUY, "1", name="first"))
    assert heard == ["first new", "first trade", "second new", "second trade"]


def test_who_unsubscribed_hears_nothing() -> None:
    shop = Shop()
    heard: list[object] = []
    unsubscribe = shop.exchange.subscribe(heard.append)
    unsubscribe()
    unsubscribe()
    shop.submit(market(BUY, "1"))
    assert heard == []
