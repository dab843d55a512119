"""Whatever happens at the simulated exchange, its books add up."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings

from tests.property.simulation_days import Day, days
from trader.domain.instrument import Instrument
from trader.domain.orders import OrderType, Side
from trader.simulation.accounts.costs import commission
from trader.simulation.records.sim_orders import BalanceChanged, OrderChanged, SimEvent, SimOrder, SimTrade

ZERO = Decimal(0)


def explained_balances(opening: Mapping[str, Decimal], trades: list[SimTrade], quote: str) -> dict[str, Decimal]:
    """Totals per currency that the trades alone explain."""
    totals: defaultdict[str, Decimal] = defaultdict(Decimal, opening)
    for trade in trades:
        base = trade.symbol.partition("/")[0]
        totals[base] += trade.side.sign * trade.quantity
        totals[quote] -= trade.side.sign * trade.price * trade.quantity
        totals[trade.fee_currency] -= trade.fee
    return dict(totals)


def explained_locks(orders: list[SimOrder], quote: str) -> dict[str, Decimal]:
    """What the open orders must hold, per currency."""
    locks: defaultdict[str, Decimal] = defaultdict(Decimal)
    for order in orders:
        if order.side is Side.SELL:
            locks[order.symbol.partition("/")[0]] += order.quantity - order.filled
        elif not order.is_triggered:
            price = order.price if order.type is OrderType.LIMIT else order.stop_price
            assert price is not None
            locks[quote] += (order.quantity - order.filled) * price
    return dict(locks)


@given(days())
@settings(max_examples=150, deadline=None)
def test_money_moves_only_by_trades_and_locks_are_what_the_orders_hold(day: Day) -> None:
    exchange = day.open()
    for step in day.steps:
        day.do(exchange, step)
        balances = exchange.balances()
        assert {b.currency: b.total for b in balances} == explained_balances(
            day.opening, day.all_trades(exchange), "USDT"
        )
        locks = explained_locks(exchange.open_orders(), "USDT")
        assert {b.currency: b.locked for b in balances if b.locked} == {c: v for c, v in locks.items() if v}
        assert all(b.free >= 0 and b.locked >= 0 for b in balances)


@given(days())
@settings(max_examples=100, deadline=None)
def test_orders_equal_their_trades(day: Day) -> None:
    exchange = day.open()
    for step in day.steps:
        day.do(exchange, step)
    trades = day.all_trades(exchange)
    for order in day.all_orders(exchange):
        own = [t for t in trades if t.exchange_id == order.exchange_id]
        assert order.filled == sum((t.quantity for t in own), ZERO) <= order.quantity
        assert order.filled_quote == sum((t.price * t.quantity for t in own), ZERO)
        assert {(t.client_id, t.symbol, t.side) for t in own} <= {(order.client_id, order.symbol, order.side)}
        if order.price is not None:
            assert all(order.side.sign * (order.price - t.price) >= 0 for t in own)
            assert all(t.price == order.price for t in own if t.is_maker)
        if order.type is not OrderType.LIMIT:
            assert not any(t.is_maker for t in own)
    assert [t.trade_id for t in trades] == list(range(1, len(trades) + 1))
    assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(trades))
    for trade in trades:
        instrument = day.instruments[trade.symbol]
        assert trade.quantity > 0
        assert trade.quantity % instrument.quantity_step == 0
        assert (trade.fee, trade.fee_currency) == fee_of(instrument, trade)


def fee_of(instrument: Instrument, trade: SimTrade) -> tuple[Decimal, str]:
    return commission(instrument, trade.side, trade.price, trade.quantity, is_maker=trade.is_maker)


@given(days())
@settings(max_examples=150, deadline=None)
def test_no_more_is_taken_than_was_displayed_or_traded(day: Day) -> None:
    """Between two updates takers get at most the displayed size of a level; makers at most what came to them."""
    exchange = day.open()
    for step in day.steps:
        known = len(day.all_trades(exchange))
        day.do(exchange, step)
        fresh = day.all_trades(exchange)[known:]
        day.count_against_display(step, fresh)
        makers: defaultdict[Side, Decimal] = defaultdict(Decimal)
        for trade in fresh:
            if trade.is_maker:
                makers[trade.side] += trade.quantity
        for side, quantity in makers.items():
            assert quantity <= day.offered_to_makers(step, side)


@given(days())
@settings(max_examples=60, deadline=None)
def test_the_events_alone_tell_the_whole_story(day: Day) -> None:
    exchange = day.open()
    orders: dict[int, SimOrder] = {}
    trades: list[SimTrade] = []
    totals = dict(day.opening)

    def hear(event: SimEvent) -> None:
        if isinstance(event, BalanceChanged):
            totals.update((balance.currency, balance.total) for balance in event.balances)
            return
        assert isinstance(event, OrderChanged)
        assert (event.kind == "trade") == (event.trade is not None)
        assert (event.kind == "new") == (event.order.exchange_id not in orders)
        orders[event.order.exchange_id] = event.order
        if event.trade is not None:
            trades.append(event.trade)

    exchange.subscribe(hear)
    for step in day.steps:
        day.do(exchange, step)
    stated = {order.exchange_id: order for order in day.all_orders(exchange)}
    waiting = {i for i, order in stated.items() if order.is_triggered and order.is_open}
    assert {i: o for i, o in orders.items() if i not in waiting} == {
        i: o for i, o in stated.items() if i not in waiting
    }
    assert trades == day.all_trades(exchange)
    assert totals == {balance.currency: balance.total for balance in exchange.balances()}


@given(days())
@settings(max_examples=40, deadline=None)
def test_a_day_repeated_is_the_same_day(day: Day) -> None:
    first, second = day.open(), day.open()
    for step in day.steps:
        assert day.do(first, step) == day.do(second, step)
    assert day.all_orders(first) == day.all_orders(second)
    assert first.balances() == second.balances()
