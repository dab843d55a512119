"""Funding, liquidation, amendments, price band and conditional orders of the simulated perpetual exchange."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.simulation.perpetual_shop import (
    ASKS,
    BIDS,
    BTC,
    BUY,
    SELL,
    START_MS,
    SYMBOL,
    D,
    PerpetualShop,
    conditional,
    limit,
    market,
)
from trader.domain.errors import Rejected
from trader.domain.orders import OrderStatus, OrderType
from trader.simulation.derivatives.funding import FUNDING_MS, funding_rate, next_funding_ms
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.conditional import ConditionalKind, ConditionalStatus, WorkingPrice
from trader.simulation.records.memory import Window
from trader.simulation.records.sim_orders import BalanceChanged, ConditionalChanged, OrderChanged, SimRequest
from trader.simulation.records.store import SimulationStore

Kind, Status = ConditionalKind, ConditionalStatus


# --- funding --------------------------------------------------------------------------------------------------


def test_longs_pay_a_positive_rate_at_the_mark_price_of_the_settlement() -> None:
    shop = PerpetualShop(rate="0.001")
    shop.submit(market(BUY, "10"))
    shop.mark(101.0)
    before = shop.margin.wallet
    shop.wait(8)
    shop.mark(50.0)  # comes after the settlement
    [paid] = shop.exchange.incomes(kind="funding")
    assert (paid.amount, paid.ts_ms, paid.symbol) == (D("-1.01"), next_funding_ms(START_MS), SYMBOL)
    assert shop.exchange.incomes(kind="funding", symbol="ETH/USDT:USDT") == []
    assert before + paid.amount >= shop.margin.wallet
    told = [event for event in shop.events if isinstance(event, BalanceChanged) and event.reason == "funding"]
    assert [event.positions for event in told] == [()]


def test_every_settlement_of_a_long_pause_is_paid_and_none_without_a_position() -> None:
    shop = PerpetualShop(rate="-0.0002")
    shop.wait(30)
    shop.trade(100.0)
    assert shop.exchange.incomes() == []
    shop.submit(market(SELL, "10"))
    shop.wait(24)
    shop.trade(100.0)
    assert [each.amount for each in shop.exchange.incomes(kind="funding")] == [D("-0.2")] * 3


def test_a_restart_neither_repeats_nor_misses_a_settlement(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    shop = PerpetualShop(store)
    shop.submit(market(BUY, "10"))
    shop.wait(8)
    shop.trade(100.0)
    store.close()
    again = PerpetualShop(SimulationStore(tmp_path / "a.db"))
    again.trade(100.0)
    assert len(again.exchange.incomes(kind="funding")) == 1
    again.wait(8)
    again.trade(100.0)
    assert [each.ts_ms % FUNDING_MS for each in again.exchange.incomes(kind="funding")] == [0, 0]
    assert [each.income_id for each in again.exchange.incomes()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("premium", "rate"),
    [(0.0, "0.0001"), (0.0004, "0.0001"), (-0.0003, "0.0001"), (0.001, "0.0005"), (-0.001, "-0.0005"), (0.5, "0.02")],
)
def test_the_rate_is_the_interest_unless_the_premium_is_large(premium: float, rate: str) -> None:
    assert funding_rate(premium) == Decimal(rate)


# --- liquidation ----------------------------------------------------------------------------------------------


def test_a_position_is_liquidated_just_below_the_price_that_was_told_before() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "80"))
    resting, _ = shop.submit(limit(BUY, "1", "96", name="resting"))
    price = float(shop.exchange.liquidation_price(SYMBOL))
    assert 80 < price < 95
    shop.mark(round(price + 0.001, 3))
    assert shop.position.quantity == 80
    shop.mark(round(price - 0.001, 3))
    assert shop.position.quantity == 0
    assert shop.now(resting).status is OrderStatus.EXPIRED
    [closing] = [trade for trade in shop.exchange.trades(SYMBOL) if trade.client_id.startswith("autoclose-")]
    assert abs(float(closing.price) - price) < 0.06  # at the mark price, on the tick
    fees = [each.amount for each in shop.exchange.incomes(kind="liquidation")]
    assert len(fees) == 1
    assert fees[0] < 0
    assert shop.margin.wallet >= 0
    assert shop.margin.wallet == 1_000 + sum(each.amount for each in shop.exchange.incomes())


def test_a_short_is_liquidated_when_the_price_rises_and_a_gap_costs_no_more_than_the_wallet() -> None:
    shop = PerpetualShop()
    shop.submit(market(SELL, "80"))
    assert float(shop.exchange.liquidation_price(SYMBOL)) > 105
    shop.mark(150.0)
    assert shop.position.quantity == 0
    assert shop.margin.wallet == 0
    assert shop.exchange.incomes(kind="liquidation")[-1].amount > 0  # the insurance paid
    reasons = [event.reason for event in shop.events if isinstance(event, BalanceChanged)]
    assert reasons[-1] == "liquidation"


def test_no_price_liquidates_what_the_wallet_covers() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "1"))
    assert shop.exchange.liquidation_price(SYMBOL) == 0
    shop.mark(0.5)
    assert shop.position.quantity == 1


# --- orders ---------------------------------------------------------------------------------------------------


def test_fill_or_kill_is_all_or_a_refusal() -> None:
    shop = PerpetualShop()
    assert shop.refused(limit(BUY, "11", "100.1", force="fok")) == "unfillable"
    assert shop.submit(limit(BUY, "10", "100.1", force="fok"))[0].status is OrderStatus.FILLED


def test_a_limit_order_far_on_the_paying_side_of_the_mark_is_refused() -> None:
    shop = PerpetualShop()
    assert shop.refused(limit(BUY, "1", "105.1")) == "price_too_high"
    assert shop.refused(limit(SELL, "1", "94.9")) == "price_too_low"
    assert shop.submit(limit(BUY, "1", "50"))[0].status is OrderStatus.OPEN


def test_an_amendment_keeps_the_number_and_loses_the_place() -> None:
    shop = PerpetualShop()
    order, _ = shop.submit(limit(BUY, "2", "99.9"))
    shop.trade(99.9, 9.0)
    amended, trades = shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(3), price=D("99.9"), client_id="l")
    assert (amended.exchange_id, amended.quantity, trades) == (order.exchange_id, D(3), [])
    shop.trade(99.9, 9.0)
    assert shop.now(order).filled == 0  # ten were ahead again
    kinds = [event.kind for event in shop.events if isinstance(event, OrderChanged)]
    assert kinds == ["new", "amended"]


def test_an_amendment_may_cross_and_cancels_what_could_not_be() -> None:
    shop = PerpetualShop()
    order, _ = shop.submit(limit(BUY, "2", "99.5"))
    amended, trades = shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(4), price=D("100.1"), client_id="l")
    assert (amended.status, [trade.price for trade in trades]) == (OrderStatus.FILLED, [D("100.1")])
    shop.submit(limit(BUY, "2", "99.5", name="maker", post_only=True))
    canceled, _ = shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(2), price=D("100.2"), client_id="maker")
    assert canceled.status is OrderStatus.CANCELED
    partly, _ = shop.submit(limit(BUY, "30", "100.1", name="partly"))
    assert partly.filled == 6
    ended, _ = shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(5), price=D("100.1"), client_id="partly")
    assert (ended.status, ended.filled) == (OrderStatus.CANCELED, D(6))
    assert shop.now(order).status is OrderStatus.FILLED


def test_an_amendment_beyond_the_margin_leaves_the_order_as_it_was() -> None:
    shop = PerpetualShop()
    order, _ = shop.submit(limit(BUY, "100", "99"))
    with pytest.raises(Rejected) as caught:
        shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(300), price=D(99), client_id="l")
    assert caught.value.code == "insufficient_margin"
    assert shop.now(order).quantity == 100
    assert shop.exchange.amend(SYMBOL, shop.tick(), quantity=D(190), price=D(99), client_id="l")[0].quantity == 190


# --- conditional orders ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "side", "trigger", "waits_at", "comes_at"),
    [
        (Kind.STOP_MARKET, SELL, "98", 98.1, 98.0),
        (Kind.STOP_MARKET, BUY, "102", 101.9, 102.0),
        (Kind.TAKE_PROFIT_MARKET, SELL, "102", 101.9, 102.0),
        (Kind.TAKE_PROFIT_MARKET, BUY, "98", 98.1, 98.0),
    ],
)
def test_a_conditional_market_order_trades_when_its_price_comes(
    kind: ConditionalKind, side: Any, trigger: str, waits_at: float, comes_at: float
) -> None:
    shop = PerpetualShop()
    waiting = shop.place(kind, side, trigger)
    assert shop.exchange.waiting_conditionals(SYMBOL) == [waiting]
    shop.trade(waits_at)
    shop.mark(comes_at)  # the other price
    assert shop.state(waiting).status is Status.NEW
    shop.trade(comes_at)
    ended = shop.state(waiting)
    assert (ended.status, shop.position.quantity) == (Status.FINISHED, side.sign)
    order = shop.exchange.order(SYMBOL, exchange_id=ended.order_id)
    assert order is not None
    assert (order.client_id, order.type, order.filled) == ("c", OrderType.MARKET, D(1))
    told = [event.conditional.status for event in shop.events if isinstance(event, ConditionalChanged)]
    assert told == [Status.NEW, Status.TRIGGERING, Status.TRIGGERED, Status.FINISHED]


def test_the_mark_price_triggers_only_what_waits_for_it() -> None:
    shop = PerpetualShop()
    waiting = shop.place(Kind.STOP_MARKET, BUY, "102", working=WorkingPrice.MARK)
    shop.trade(103.0)
    assert shop.state(waiting).status is Status.NEW
    shop.mark(102.0)
    assert shop.state(waiting).status is Status.FINISHED


def test_a_conditional_limit_order_rests_and_finishes_with_its_order() -> None:
    shop = PerpetualShop()
    waiting = shop.place(Kind.STOP, BUY, "102", price=D("99.5"))
    shop.trade(102.0)
    placed = shop.state(waiting)
    assert placed.status is Status.TRIGGERED
    assert shop.exchange.waiting_conditionals() == []
    shop.exchange.cancel(SYMBOL, shop.tick(), exchange_id=placed.order_id)
    assert shop.state(waiting).status is Status.FINISHED


def test_a_trailing_stop_follows_the_best_price_since_its_activation() -> None:
    shop = PerpetualShop()
    at_once = shop.place(Kind.TRAILING_STOP_MARKET, SELL, None, callback_frac=D("0.02"), client_id="now")
    later = shop.place(Kind.TRAILING_STOP_MARKET, SELL, "105", callback_frac=D("0.02"), client_id="later")
    assert at_once.best == 100
    shop.trade(104.0)
    shop.trade(102.0)  # 104 x 0.98 = 101.92
    assert shop.state(at_once).status is Status.NEW
    shop.trade(101.9)
    assert shop.state(at_once).status is Status.FINISHED
    assert shop.state(later).best is None
    shop.trade(106.0)
    shop.trade(103.8)
    assert shop.state(later).status is Status.FINISHED


def test_closing_the_whole_position_needs_one() -> None:
    shop = PerpetualShop()
    shop.submit(market(BUY, "3"))
    closing = shop.place(Kind.STOP_MARKET, SELL, "98", quantity=None, client_id="all")
    second = shop.place(Kind.STOP_MARKET, SELL, "97", quantity=None, client_id="none")
    shop.trade(97.9)
    assert (shop.state(closing).status, shop.position.quantity) == (Status.FINISHED, D(0))
    shop.trade(96.9)
    assert shop.state(second).status is Status.EXPIRED
    reduce_only = shop.place(Kind.STOP_MARKET, SELL, "95", reduce_only=True, client_id="reduce")
    shop.trade(94.9)
    assert (shop.state(reduce_only).status, shop.state(reduce_only).reason) == (Status.REJECTED, "reduce_only")


def test_conditional_orders_are_checked_numbered_cancelled_and_found() -> None:
    shop = PerpetualShop()
    drafts = {
        "would_trigger": conditional(Kind.STOP_MARKET, SELL, "100.5"),
        "price_filter": conditional(Kind.STOP_MARKET, SELL, "98.05"),
        "min_notional": conditional(Kind.STOP_MARKET, SELL, "98", quantity=D("0.001")),
        "lot_size": conditional(Kind.STOP_MARKET, SELL, "98", quantity=D("1.0005")),
    }
    for code, draft in drafts.items():
        with pytest.raises(Rejected) as caught:
            shop.exchange.place_conditional(draft, shop.tick())
        assert caught.value.code == code
    first = shop.place(Kind.STOP_MARKET, SELL, "98", client_id="first")
    with pytest.raises(Rejected) as caught:
        shop.place(Kind.STOP_MARKET, SELL, "97", client_id="first")
    assert caught.value.code == "duplicate_client_id"
    second = shop.place(Kind.STOP_MARKET, SELL, "97", client_id="")
    assert (first.conditional_id, second.conditional_id, second.client_id) == (1, 2, "c2")
    assert shop.exchange.cancel_conditional(shop.tick(), client_id="first").status is Status.CANCELED
    with pytest.raises(Rejected) as caught:
        shop.exchange.cancel_conditional(shop.tick(), conditional_id=1)
    assert caught.value.code == "unknown_order"
    assert [each.conditional_id for each in shop.exchange.conditionals(SYMBOL)] == [1, 2]
    assert [each.conditional_id for each in shop.exchange.conditionals(SYMBOL, Window(from_id=2))] == [2]
    found = shop.exchange.conditional(client_id="first")
    assert found is not None
    assert found.status is Status.CANCELED


def test_what_waits_and_how_far_it_followed_survives_a_restart(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "a.db")
    shop = PerpetualShop(store)
    shop.submit(market(BUY, "5"))
    trailing = shop.place(Kind.TRAILING_STOP_MARKET, SELL, None, callback_frac=D("0.05"), client_id="trailing")
    resting = shop.place(Kind.STOP, BUY, "102", price=D("99.5"), client_id="resting")
    shop.trade(110.0)
    assert [each.best for each in shop.exchange.conditionals(SYMBOL)] == [110, None]  # as `conditional` tells it
    shop.exchange.checkpoint()
    store.close()
    again = PerpetualShop(SimulationStore(tmp_path / "a.db"))
    assert again.position == shop.position
    assert again.state(trailing).best == 110
    again.trade(104.4)
    assert again.position.quantity == 4
    order_id = again.state(resting).order_id
    again.exchange.cancel(SYMBOL, again.tick(), exchange_id=order_id)
    assert again.state(resting).status is Status.FINISHED
    assert again.place(Kind.STOP_MARKET, SELL, "90").conditional_id == 3


def test_after_a_restart_nothing_is_liquidated_before_all_that_is_held_has_a_price(tmp_path: Path) -> None:
    other = msgspec.structs.replace(BTC, symbol="ETH/USDT:USDT", base="ETH")

    def opened(store: SimulationStore) -> PerpetualExchange:
        return PerpetualExchange(
            {SYMBOL: BTC, other.symbol: other}, opening_balances={"USDT": D(1_000)}, funding_rates=lambda *_: D(0),
            store=store,
        )  # fmt: skip

    store = SimulationStore(tmp_path / "a.db")
    exchange = opened(store)
    for symbol in (SYMBOL, other.symbol):
        exchange.on_book(symbol, START_MS, BIDS, ASKS)
        exchange.on_mark(symbol, START_MS, 100.0)
        exchange.submit(SimRequest(symbol, "in", BUY, OrderType.MARKET, D(12)), START_MS)
    exchange.on_mark(other.symbol, START_MS, 200.0)
    exchange.on_mark(SYMBOL, START_MS, 5.0)  # lost here, but won there
    store.close()
    again = opened(SimulationStore(tmp_path / "a.db"))
    again.on_mark(SYMBOL, START_MS + 1, 5.0)
    again.on_mark(other.symbol, START_MS + 1, 200.0)
    assert [again.position(symbol).quantity for symbol in (SYMBOL, other.symbol)] == [12, 12]
    again.on_mark(other.symbol, START_MS + 2, 100.0)
    assert again.positions() == []
