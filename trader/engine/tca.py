"""What orders have cost: a row for every parent and every protective stop that fills, and what is learned from them."""

import msgspec

from trader.domain.decisions import ExecutionReport, MarkExecution, RecordExecution
from trader.domain.events import StreamState
from trader.domain.instrument import exact
from trader.domain.orders import AlgorithmName, Fill, Order
from trader.domain.units import SECOND_MS
from trader.engine.desk import Desk
from trader.engine.state import Arrival, Mark
from trader.execution.algorithms.registry import ALGORITHMS, AlgorithmState
from trader.execution.measured import CostTally, extra_frac, with_report
from trader.execution.tca import execution_report, stop_report

_HEARD_WITHIN_MS = 10_000  # network time from a stop's fill to its news within which the book is that of the fill


def parent_ended(desk: Desk, state: AlgorithmState) -> None:
    """The row of a parent order; what it got is looked at once more a little later."""
    tracker = desk.state.orders.tracker
    orders = [order for child in state.children if (order := tracker.by_client_id(child.client_id)) is not None]
    report = execution_report(state, orders, desk.market(state.symbol).instrument, desk.now_ms)
    desk.emit(RecordExecution(report))
    if report.filled:
        _mark_later(desk, report)
        if not ALGORITHMS[report.algorithm].rests:
            _learn(desk, report)


def stop_filled(desk: Desk, order: Order, fill: Fill) -> None:
    """A fill of a protective stop: the first one is when it arrived at the market."""
    market = desk.market(order.symbol)
    is_fresh = desk.now_ms - fill.ts_ms <= _HEARD_WITHIN_MS * desk.state.speed
    book = market.book if is_fresh and market.stream is StreamState.LIVE else None
    desk.state.orders.arrivals.setdefault(order.client_id, Arrival(fill, book))


def stop_changed(desk: Desk, order: Order) -> None:
    """The row of a protective stop, once it has ended with all its fills."""
    if not order.is_settled:
        return
    arrival = desk.state.orders.arrivals.pop(order.client_id, None)
    if arrival is None:
        return
    instrument = desk.market(order.symbol).instrument
    report = stop_report(order, arrival.fill, arrival.book, instrument, desk.now_ms)
    desk.emit(RecordExecution(report))
    _mark_later(desk, report)


def mark_due(desk: Desk) -> None:
    """Note where the market is some time after an order ended: what its fills were worth then."""
    marks = desk.state.orders.marks
    for parent_id in [parent_id for parent_id, mark in marks.items() if mark.due_ms <= desk.now_ms]:
        report = marks.pop(parent_id).report
        market = desk.market(report.symbol)
        if market.stream is not StreamState.LIVE or market.book is None:
            continue  # nobody knows
        marked = msgspec.structs.replace(report, mark_price=exact(market.book.mid))
        desk.emit(MarkExecution(marked))
        if ALGORITHMS[report.algorithm].rests:
            _learn(desk, marked)


def _mark_later(desk: Desk, report: ExecutionReport) -> None:
    wait_ms = desk.settings_of(report.symbol).execution.mark_s * SECOND_MS
    desk.state.orders.marks[report.parent_id] = Mark(report.ended_ms + round(wait_ms), report)


def extra_cost_frac(desk: Desk, symbol: str, algorithm: AlgorithmName) -> float:
    """What an entry by `algorithm` is expected to cost beyond the model, from those before."""
    return extra_frac(desk.state.costs.get(algorithm), desk.settings_of(symbol).execution)


def _learn(desk: Desk, report: ExecutionReport) -> None:
    before = desk.state.costs.get(report.algorithm, CostTally())
    after = with_report(before, report)
    if after is not before:
        desk.state.costs[report.algorithm] = after
        desk.keep("costs", report.algorithm.value, after)
