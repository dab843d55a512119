"""What the exchange says about orders and fills: tracker first, then ledger, then whoever waits for it."""

from typing import assert_never

import msgspec

from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import (
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPosition,
    Level,
    QueryOrder,
    RequestReconcile,
)
from trader.domain.events import CancelRefused, FillArrived, OrderAbsent, OrderRefused, OrderReported, OutcomeLost
from trader.domain.instrument import ZERO
from trader.domain.orders import Fill, Order, OrderReport, OrderStatus, Purpose
from trader.domain.refusals import Refusal
from trader.engine import algorithms, tca
from trader.engine.desk import Desk, ref_of
from trader.engine.entries import opening
from trader.engine.guards import standing
from trader.engine.positions import exits
from trader.engine.positions.protection import protect
from trader.engine.state.kept import DustKept
from trader.portfolio.ledger import LedgerChange
from trader.risk.excursions import with_excursions
from trader.risk.exits import stop_reason

OrderNews = FillArrived | OrderReported | OrderRefused | OutcomeLost | OrderAbsent | CancelRefused
"""What is told of one order."""

# How long fills that an ended order still owes may take over the stream before they are asked for, network seconds.
_MISSING_FILLS_S = 2.0


def on_report(desk: Desk, report: OrderReport) -> None:
    """An order's state as the exchange states it; its fills count first."""
    changed = desk.state.orders.tracker.reported(report, desk.now_ms)
    fills = (*report.fills, *desk.state.orders.tracker.claimable(report.client_id))
    for fill in fills:
        _book(desk, fill)
    current = desk.state.orders.tracker.by_client_id(report.client_id)
    if current is None:
        return  # not ours; reconciliation names what it did to the account
    if changed is not None:
        desk.emit(KeepOrder(current))
    if current.status.is_terminal and not current.is_settled:
        desk.emit(QueryOrder(ref_of(current), _MISSING_FILLS_S))
    if changed is not None or fills:
        _follow_up(desk, current)


def on_fill(desk: Desk, fill: Fill) -> None:
    """An execution of ours."""
    order = _book(desk, fill)
    if order is not None:
        desk.emit(KeepOrder(order))
        _follow_up(desk, order)


def on_refused(desk: Desk, client_id: str, refusal: Refusal) -> None:
    """The exchange did not take the order. For an exit, perhaps nothing is left to close: everything is asked for."""
    order = desk.state.orders.tracker.refused(client_id, refusal, desk.now_ms)
    _outcome(desk, order)
    is_exit = order is not None and order.intent.purpose in (Purpose.EXIT, Purpose.FLATTEN)
    if is_exit and order is not None and order.was_judged:
        desk.emit(RequestReconcile("an exit was refused: there may be nothing left to close"))


def on_lost(desk: Desk, client_id: str, reason: str) -> None:
    """No usable answer came: the order counts as in flight until there is evidence."""
    order = desk.state.orders.tracker.lost(client_id, reason, desk.now_ms)
    desk.keep_order(order)
    if order is not None:
        desk.notify(Level.WARNING, "order.unknown", reason, symbol=order.symbol, ref=client_id)
        algorithms.child_changed(desk, order)


def on_absent(desk: Desk, client_id: str, evidence: str) -> None:
    """Evidence that the exchange never had the order."""
    order = desk.state.orders.tracker.absent(client_id, evidence, desk.now_ms)
    _outcome(desk, order)


def _outcome(desk: Desk, order: Order | None) -> None:
    if order is None:
        return
    desk.keep_order(order)
    _follow_up(desk, order)


def follow_finished(desk: Desk) -> None:
    """Parents that have ended in this event: whoever waits for one goes on."""
    while desk.finished:
        ended = desk.finished.pop(0)
        exits.on_finished(desk, ended)
        if ended.purpose.reduces:
            write_off_rest(desk, ended.symbol)
        opening.on_entry_finished(desk, ended)


def order_of(desk: Desk, event: OrderNews) -> Order | None:
    """The order of ours that `event` is about."""
    tracker = desk.state.orders.tracker
    match event:
        case FillArrived(fill=fill):
            return tracker.by_client_id(fill.client_id) or tracker.by_exchange_id(fill.symbol, fill.exchange_order_id)
        case OrderReported(report=report):
            return tracker.by_client_id(report.client_id)
        case _:
            return tracker.by_client_id(event.client_id)


def take_note(desk: Desk, event: OrderNews, *, is_posted: bool = True) -> None:
    """What `event` says of an order, its fills booked, without anything that follows from them.

    Where the ledger cannot post a fill (`is_posted` False) the position is moved by it, and reconciliation finds the
    balances.
    """
    tracker, now_ms = desk.state.orders.tracker, desk.now_ms
    match event:
        case FillArrived(fill=fill):
            _note_fill(desk, fill, is_posted=is_posted)
        case OrderReported(report=report):
            tracker.reported(report, now_ms)
            for fill in (*report.fills, *tracker.claimable(report.client_id)):
                _note_fill(desk, fill, is_posted=is_posted)
        case OrderRefused(client_id=client_id, code=code, reason=reason):
            tracker.refused(client_id, Refusal(code, reason), now_ms)
        case OutcomeLost(client_id=client_id, reason=reason):
            tracker.lost(client_id, reason, now_ms)
        case OrderAbsent(client_id=client_id, evidence=evidence):
            tracker.absent(client_id, evidence, now_ms)
        case CancelRefused(client_id=client_id, reason=reason):
            tracker.cancel_refused(client_id, reason, now_ms)
        case _:
            assert_never(event)
    order = order_of(desk, event)
    desk.keep_order(order)
    if order is not None and order.status.is_terminal and not order.is_settled:
        desk.emit(QueryOrder(ref_of(order), _MISSING_FILLS_S))


def _note_fill(desk: Desk, fill: Fill, *, is_posted: bool) -> None:
    if desk.state.orders.tracker.has_fill(fill):
        return
    order = desk.state.orders.tracker.filled(fill, desk.now_ms)
    if order is None:
        desk.emit(RequestReconcile("a trade that is not ours"))
        return
    ours = msgspec.structs.replace(fill, client_id=order.client_id)
    if is_posted:
        _note_closed(desk, _post(desk, ours, order))
        return
    ledger = desk.state.account.ledger
    before = ledger.positions.get(fill.symbol, Position(fill.symbol, ZERO, ZERO, fill.ts_ms))
    quantity = before.quantity + fill.side.sign * fill.quantity
    price = before.entry_price if abs(quantity) < abs(before.quantity) else fill.price
    desk.emit(KeepFill(ours))
    _remember(desk, ledger.adopt(msgspec.structs.replace(before, quantity=quantity, entry_price=price)))


def _book(desk: Desk, fill: Fill) -> Order | None:
    """Apply a fill once: the order it belongs to, position, balances. Returns the changed order."""
    state = desk.state
    if state.orders.tracker.has_fill(fill):
        return None
    order = state.orders.tracker.filled(fill, desk.now_ms)
    if order is None:
        desk.emit(RequestReconcile("a trade that is not ours"))
        return None
    _apply(desk, msgspec.structs.replace(fill, client_id=order.client_id), order)
    return order


def book_foreign(desk: Desk, symbol: str) -> None:
    """Fills that are not ours move a margined position and its wallet like ours: they are booked, and named.

    On spot they are recognised by the balances. Call it only while no order's outcome is in doubt.
    """
    fills = [fill for fill in desk.state.orders.tracker.disown(symbol) if fill.ts_ms >= desk.state.account.opened_ms]
    for order_id in dict.fromkeys(fill.exchange_order_id for fill in fills):
        _name_foreign(desk, symbol, [fill for fill in fills if fill.exchange_order_id == order_id])
    for fill in fills:
        _apply(desk, fill, None)


def _name_foreign(desk: Desk, symbol: str, fills: list[Fill]) -> None:
    """One line for one order of somebody else."""
    first, quantity = fills[0], sum((fill.quantity for fill in fills), ZERO)
    price = sum((fill.quantity * fill.price for fill in fills), ZERO) / quantity
    what = "liquidated" if first.is_forced else "traded by hand"
    text = f"{what}: {first.side.value} {quantity} at {price:.8g} on average (order {first.exchange_order_id})"
    event = "position.liquidated" if first.is_forced else "account.manual_trade"
    desk.notify(Level.ALERT, event, text, symbol=symbol, ref=first.exchange_order_id)
    exits.abort_entries(desk, symbol, what)


def _apply(desk: Desk, fill: Fill, order: Order | None) -> None:
    """Position, balances, and what follows from them. `order` is None for a fill that is not ours."""
    state = desk.state
    change = _post(desk, fill, order)
    if order is not None and not order.intent.purpose.reduces:
        opening.on_entry_fill(desk, order)
    elif order is not None and order.intent.purpose is Purpose.STOP:
        tca.stop_filled(desk, order, fill)
        exits.abort_entries(desk, order.symbol, "stopped out")
    _note_closed(desk, change)
    plan = state.positions.plans.get(fill.symbol)
    if not desk.held(fill.symbol) or (plan is not None and desk.held(fill.symbol) * plan.side.sign < 0):
        opening.forget_plan(desk, fill.symbol)
    if order is None or order.intent.purpose is Purpose.STOP:
        exits.withdraw(desk, fill.symbol)


def _post(desk: Desk, fill: Fill, order: Order | None) -> LedgerChange:
    """Position and balances."""
    state = desk.state
    desk.emit(KeepFill(fill))
    state.counters["fills"] += 1
    state.account.last_fill_ms[fill.symbol] = max(fill.ts_ms, state.account.last_fill_ms.get(fill.symbol, 0))
    change = state.account.ledger.apply(fill, desk.market(fill.symbol).instrument, _closing_reason(desk, fill, order))
    _remember(desk, change)
    return change


def write_off_rest(desk: Desk, symbol: str) -> None:
    """A spot position that the exchange is too coarse to sell becomes dust; it would ask for its exit for ever."""
    state, market = desk.state, desk.market(symbol)
    if market.book is None or symbol in state.positions.exits or state.orders.tracker.open_orders(symbol):
        return
    price, held = market.instrument.round_price(market.book.bid), desk.held(symbol)
    change = state.account.ledger.write_off(symbol, market.instrument, price, desk.now_ms)
    if change is None:
        return
    _remember(desk, change)
    _note_closed(desk, change)
    opening.forget_plan(desk, symbol)
    desk.notify(Level.INFO, "position.dust", f"{held} is too little to be sold; it stays as dust", symbol=symbol)


def _remember(desk: Desk, change: LedgerChange) -> None:
    if change.position is not None:
        desk.emit(KeepPosition(change.position))
    for balance in change.balances:
        desk.emit(KeepBalance(balance))
    if desk.state.account.ledger.dust != desk.state.account.dust_kept:
        desk.state.account.dust_kept = dict(desk.state.account.ledger.dust)
        desk.keep("dust", "", DustKept(desk.state.account.dust_kept))


def _note_closed(desk: Desk, change: LedgerChange) -> None:
    trade = change.closed
    if trade is None:
        return
    plan = desk.state.positions.plans.get(trade.symbol)
    if plan is not None:
        known = msgspec.structs.replace(trade, strategy_id=plan.strategy_id, regime=plan.regime)
        trade = with_excursions(known, plan)
    standing.on_closed(desk, trade)


def _closing_reason(desk: Desk, fill: Fill, order: Order | None) -> CloseReason:
    """Why `fill` closes the position, should it do so."""
    if order is None:
        return CloseReason.LIQUIDATION if fill.is_forced else CloseReason.BY_HAND
    wanted, plan = desk.state.positions.exits.get(order.symbol), desk.state.positions.plans.get(order.symbol)
    if order.intent.purpose is Purpose.STOP and plan is not None:
        return stop_reason(plan)
    if order.intent.purpose is Purpose.STOP or wanted is None:
        return _closed_by(order.intent.purpose)
    return wanted.reason


def _closed_by(purpose: Purpose) -> CloseReason:
    match purpose:
        case Purpose.STOP:
            return CloseReason.STOP
        case Purpose.EXIT:
            return CloseReason.EXIT
        case Purpose.FLATTEN:
            return CloseReason.FLATTEN
        case Purpose.ENTRY:
            return CloseReason.ENTRY
        case Purpose.HEDGE:
            return CloseReason.HEDGE
        case never:
            assert_never(never)


def _follow_up(desk: Desk, order: Order) -> None:
    """Tell the parent, then bring exits and protection in line with what changed."""
    algorithms.child_changed(desk, order)
    exits.withdraw(desk, order.symbol)
    if order.intent.purpose is Purpose.STOP:
        tca.stop_changed(desk, order)
        if order.status is OrderStatus.OPEN:
            desk.state.positions.stop_troubles.pop(order.symbol, None)
        elif order.status in (OrderStatus.REJECTED, OrderStatus.NOT_PLACED) and desk.held(order.symbol):
            exits.on_stop_refused(desk, order)
    exits.drive(desk, order.symbol)
    protect(desk, order.symbol)
