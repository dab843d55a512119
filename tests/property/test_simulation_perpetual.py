"""Whatever happens at the simulated perpetual exchange, its books add up and it liquidates exactly when it is due."""

import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.perpetual_days import (
    INSTRUMENTS,
    OPENING,
    RATE,
    ZERO,
    Mark,
    PerpetualDay,
    SecondAccount,
    all_orders,
    all_trades,
    perpetual_days,
)
from tests.property.simulation_days import ShowBook
from trader.domain.orders import OrderType
from trader.simulation.accounts.costs import commission
from trader.simulation.derivatives.funding import FUNDING_MS
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.records.positions import IncomeKind
from trader.simulation.records.store import SimulationStore


def income(exchange: PerpetualExchange, kind: IncomeKind) -> Decimal:
    return sum((each.amount for each in exchange.incomes(kind=kind)), ZERO)


@given(perpetual_days())
@settings(max_examples=100, deadline=None)
def test_wallet_and_profit_are_what_trades_fees_and_funding_make(day: PerpetualDay) -> None:
    exchange = day.open()
    for step in day.steps:
        day.do(exchange, step)
        margin = exchange.margin("USDT")
        trades = all_trades(exchange)
        assert income(exchange, "realised") == sum((trade.realised for trade in trades), ZERO)
        assert income(exchange, "commission") == -sum((trade.fee for trade in trades), ZERO)
        moved = sum((income(exchange, kind) for kind in ("realised", "commission", "funding", "liquidation")), ZERO)
        assert margin.wallet == OPENING + moved
        assert [balance.free for balance in exchange.balances()] == [margin.wallet]
        # the same money counted without any average price
        cash = -sum((trade.side.sign * trade.price * trade.quantity for trade in trades), ZERO)
        held = sum((each.quantity * exchange.mark(each.symbol) for each in exchange.positions()), ZERO)
        others = moved - income(exchange, "realised")
        assert margin.balance == OPENING + cash + held + others


@given(perpetual_days())
@settings(max_examples=100, deadline=None)
def test_positions_are_the_sum_of_the_trades_and_reduce_only_orders_only_reduce(day: PerpetualDay) -> None:
    exchange = day.open()
    for step in day.steps:
        day.do(exchange, step)
    orders = {order.exchange_id: order for order in all_orders(exchange)}
    held: defaultdict[str, Decimal] = defaultdict(Decimal)
    for trade in all_trades(exchange):
        before, signed = held[trade.symbol], trade.side.sign * trade.quantity
        held[trade.symbol] = before + signed
        if orders[trade.exchange_id].reduce_only:
            assert before * signed < 0
            assert abs(signed) <= abs(before)
        assert (trade.fee, trade.fee_currency) == commission(
            INSTRUMENTS[trade.symbol], trade.side, trade.price, trade.quantity, is_maker=trade.is_maker
        )
    assert {s: q for s, q in held.items() if q} == {each.symbol: each.quantity for each in exchange.positions()}
    for order in orders.values():
        assert order.filled <= order.quantity
        assert not (order.type is OrderType.MARKET and order.is_open)


@given(perpetual_days())
@settings(max_examples=100, deadline=None)
def test_liquidation_comes_exactly_when_it_is_due(day: PerpetualDay) -> None:
    exchange = day.open()
    second = SecondAccount(exchange)
    for step in day.steps:
        if isinstance(step, Mark):
            second.marks[step.symbol] = Decimal(str(step.price))
        second.first_liquidation = None
        day.do(exchange, step)
        assert exchange.margin("USDT").wallet == second.wallet
        assert exchange.margin("USDT").balance == second.margin_balance()
        assert second.margin_balance() >= second.maintenance(), "not liquidated when due"
        if not exchange.positions():
            assert second.wallet >= 0


@given(perpetual_days())
@settings(max_examples=60, deadline=None)
def test_funding_is_paid_once_at_each_settlement_by_whoever_holds_a_position(day: PerpetualDay) -> None:
    exchange = day.open()
    for step in day.steps:
        before_ms, held = exchange.now_ms, exchange.positions()
        known = len(exchange.incomes(kind="funding"))
        day.do(exchange, step)
        passed = exchange.now_ms // FUNDING_MS - before_ms // FUNDING_MS
        fresh = exchange.incomes(kind="funding")[known:]
        assert len(fresh) <= passed * len(held)
        if passed and held:
            assert [each.ts_ms for each in fresh[: len(held)]] == [(before_ms // FUNDING_MS + 1) * FUNDING_MS] * len(
                held
            )
        for each in fresh[: len(held)]:
            position = next(position for position in held if position.symbol == each.symbol)
            assert each.amount * position.quantity < 0  # a long pays a positive rate
            assert abs(each.amount) <= abs(position.quantity) * Decimal(14) * RATE
    assert all(each.ts_ms % FUNDING_MS == 0 for each in exchange.incomes(kind="funding"))


@given(perpetual_days(), st.sets(st.integers(0, 40), max_size=4))
@settings(max_examples=60, deadline=None)
def test_stopping_and_going_on_anywhere_equals_running_on(day: PerpetualDay, restarts: set[int]) -> None:
    shown: dict[str, ShowBook] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "perpetual.db"
        store = SimulationStore(path)
        straight, stopped = day.open(), day.open(store)
        for number, step in enumerate(day.steps):
            assert day.do(straight, step) == day.do(stopped, step)
            if isinstance(step, ShowBook):
                shown[step.symbol] = step
            if number in restarts:
                stopped.checkpoint()
                store.close()
                store = SimulationStore(path)
                marks = {symbol: float(straight.mark(symbol)) for symbol in INSTRUMENTS}
                stopped = day.open(store)
                for exchange in (straight, stopped):  # what a feed tells again
                    for symbol, mark in marks.items():
                        exchange.on_mark(symbol, exchange.now_ms, mark)
                    for book in shown.values():
                        day.do(exchange, book)
        for view in (all_orders, all_trades, PerpetualExchange.positions, PerpetualExchange.balances):
            assert view(stopped) == view(straight)
        assert stopped.incomes() == straight.incomes()
        assert stopped.waiting_conditionals() == straight.waiting_conditionals()
        for symbol in INSTRUMENTS:
            assert stopped.conditionals(symbol) == straight.conditionals(symbol)
            assert stopped.position(symbol) == straight.position(symbol)
        assert stopped.margin("USDT") == straight.margin("USDT")
        store.close()
