"""Positions, margin and what an order needs: numbers worked out by hand."""

from itertools import pairwise

import pytest
from msgspec.structs import replace

from tests.unit.simulation.perpetual_shop import BUY, SELL, SYMBOL, D, PerpetualShop, limit, market
from trader.domain.errors import Rejected
from trader.domain.orders import OrderStatus
from trader.simulation.accounts.margin import brackets_of, largest_position, maintenance
from trader.simulation.records.positions import SimPosition, closable, realised_by, traded
from trader.simulation.records.sim_orders import BalanceChanged


def test_a_long_is_entered_at_the_average_and_realises_against_it() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "15"))  # 10 at 100.1, 5 at 100.2
    assert shop.position.quantity == 15
    assert shop.position.cost == D("1502.0")
    shop.submit(market(SELL, "6"))  # 6 at 99.9
    assert shop.position.cost == D("901.2")
    assert shop.position.entry_price == D("1502.0") / 15
    assert shop.position.realised == D("-1.4")  # 6 x 99.9 - 6/15 x 1502
    fees = (D("1502.0") + D("599.4")) * D("0.0005")
    assert shop.margin.wallet == 1_000 - D("1.4") - fees
    assert shop.margin.unrealised == 9 * 100 - D("901.2")


def test_one_order_turns_a_long_into_a_short() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "4"))
    order, trades = shop.submit(market(SELL, "10", name="turn"))
    assert order.status is OrderStatus.FILLED
    assert [trade.realised for trade in trades] == [4 * (D("99.9") - D("100.1"))]
    assert (shop.position.quantity, shop.position.entry_price) == (D(-6), D("99.9"))
    shop.mark(95.0)
    assert shop.margin.unrealised == 6 * D("4.9")
    shop.submit(market(BUY, "6", name="flat"))
    assert (shop.position.quantity, shop.position.cost, shop.margin.unrealised) == (D(0), D(0), D(0))


def test_shares_of_a_cost_that_do_not_divide_are_never_lost() -> None:
    position = SimPosition("S", quantity=D(3), cost=D(100))
    total = D(0)
    for _ in range(3):
        total += realised_by(position, SELL, D(40), D(1))
        position = traded(position, SELL, D(40), D(1), 0)
    assert (position.quantity, position.cost, total, position.realised) == (D(0), D(0), D(20), D(20))
    assert closable(SimPosition("S", quantity=D(3)), BUY) == 0


def test_a_maker_pays_less_and_every_fee_is_in_the_settlement_asset() -> None:
    shop = PerpetualShop()
    order, _ = shop.submit(limit(BUY, "2", "99.9"))
    shop.trade(99.8, 50)
    assert shop.now(order).status is OrderStatus.FILLED
    trade = shop.exchange.trades(SYMBOL)[0]
    assert (trade.is_maker, trade.fee, trade.fee_currency) == (True, D("0.03996"), "USDT")


def test_margin_is_the_value_over_the_leverage_and_orders_that_close_need_none() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "10"))
    assert shop.margin.position_initial == 50  # 10 x 100 / 20
    shop.submit(limit(SELL, "20", "105", name="close and turn"))
    assert shop.margin.order_initial == D(105 * 20 - 1_000 - 1_000) / 20
    shop.submit(limit(BUY, "20", "95", name="more"))
    assert shop.margin.order_initial == D(95 * 20) / 20
    assert shop.margin.available == shop.margin.balance - 50 - 95


def test_an_order_beyond_the_free_margin_is_refused_and_one_that_reduces_never() -> None:
    shop = PerpetualShop()
    assert shop.refused(limit(BUY, "201", "100")) == "insufficient_margin"
    shop.submit(limit(BUY, "195", "99.9"))
    assert shop.refused(limit(BUY, "10", "99.9", name="more")) == "insufficient_margin"
    shop.exchange.cancel(SYMBOL, shop.tick(), client_id="l")
    shop.submit(market(BUY, "80", name="all in"))
    shop.book(asks=((100.3, 60.0),))
    shop.submit(market(BUY, "60", name="again"))
    assert shop.margin.available < 300
    assert shop.submit(limit(SELL, "140", "101", name="out"))[0].status is OrderStatus.OPEN
    assert shop.refused(limit(SELL, "190", "102", name="far too much")) == "insufficient_margin"


def test_leverage_frees_margin_within_what_the_brackets_allow() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "80"))
    assert shop.exchange.set_leverage(SYMBOL, 80, shop.tick()).leverage == 80
    assert shop.margin.initial == 100
    changed = shop.events[-1]
    assert isinstance(changed, BalanceChanged)
    assert (changed.reason, changed.positions[0].leverage) == ("leverage", 80)
    for leverage, code in ((126, "leverage"), (0, "leverage"), (5, "insufficient_margin")):
        with pytest.raises(Rejected) as caught:
            shop.exchange.set_leverage(SYMBOL, leverage, shop.tick())
        assert caught.value.code == code


def test_the_leverage_bounds_what_a_position_may_be_worth() -> None:
    shop = PerpetualShop()
    shop.exchange.deposit("USDT", D(1_000_000), shop.tick())
    shop.exchange.set_leverage(SYMBOL, 125, shop.tick())
    assert shop.refused(limit(SELL, "1000", "301")) == "position_too_large"
    assert shop.submit(limit(SELL, "1000", "299"))[0].status is OrderStatus.OPEN


def test_brackets_join_without_a_step() -> None:
    for base in ("BTC", "XRP"):
        steps = brackets_of(base)
        for before, after in pairwise(steps):
            assert before.cap == after.floor
            assert before.leverage > after.leverage
            assert maintenance(steps, before.cap) == before.cap * after.rate - after.deduction
        assert maintenance(steps, D(100)) == 100 * steps[0].rate
        assert largest_position(steps, 1) == steps[-1].cap
        assert largest_position(steps, 500) == 0


def test_reduce_only_is_cut_to_the_position_and_refused_without_one() -> None:
    shop = PerpetualShop()
    assert shop.refused(market(SELL, "1", reduce_only=True)) == "reduce_only"
    shop.submit(market(BUY, "2"))
    assert shop.refused(market(BUY, "1", reduce_only=True, name="wrong side")) == "reduce_only"
    order, _ = shop.submit(market(SELL, "5", reduce_only=True, name="out"))
    assert (order.quantity, order.status, shop.position.quantity) == (D(2), OrderStatus.FILLED, D(0))


def test_a_resting_reduce_only_order_never_turns_the_position_and_expires_with_it() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "5"))
    resting, _ = shop.submit(limit(SELL, "5", "101", name="exit", reduce_only=True))
    shop.submit(market(SELL, "3", name="part"))
    shop.trade(101.5, 100, buyer_is_taker=True)
    assert shop.now(resting).filled == 2
    assert shop.position.quantity == 0
    assert shop.now(resting).status is OrderStatus.EXPIRED


def test_a_tiny_rest_can_always_be_closed() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "0.051"))
    shop.submit(market(SELL, "0.050", name="most"))
    assert shop.refused(market(SELL, "0.001", name="rest")) == "min_notional"
    assert shop.submit(market(SELL, "0.001", reduce_only=True, name="rest"))[0].status is OrderStatus.FILLED


def test_money_that_backs_a_position_cannot_leave() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "80"))
    with pytest.raises(Rejected, match="not free"):
        shop.exchange.deposit("USDT", D(-700), shop.tick())
    shop.exchange.deposit("USDT", D(-500), shop.tick())
    assert [each.amount for each in shop.exchange.incomes(kind="transfer")] == [-500]


def test_a_position_says_what_it_is_worth() -> None:
    short = SimPosition("S", quantity=D(-2), cost=D(-200))
    assert short.unrealised(D(90)) == 20
    assert replace(short, quantity=D(0), cost=D(0)).entry_price == 0
