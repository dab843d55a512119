"""Reconciliation: what the exchange says of the whole account against what our ledger says."""

import msgspec

from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.decisions import KeepBalance, KeepPayment, KeepPosition, Level, RequestReconcile
from trader.domain.events import BalancesReported, Reconciled
from trader.domain.instrument import ZERO
from trader.domain.orders import OrderStatus
from trader.domain.timers import TimerId, TimerKind
from trader.domain.units import WEEK_MS
from trader.engine import algorithms
from trader.engine.desk import Desk
from trader.engine.entries import opening
from trader.engine.guards import guard, standing
from trader.engine.news import adoption, order_news
from trader.engine.positions import exits
from trader.engine.positions.protection import protect
from trader.engine.state.kept import OpenedKept
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.reconcile import Discrepancy, DiscrepancyKind, compare

# beyond so many ids those older than a week go: only the last day is asked for again (`engine._PAYMENT_MARGIN_MS`)
_REMEMBERED_PAYMENTS, _PAYMENTS_KEPT_MS = 5_000, WEEK_MS


def on_reconciled(desk: Desk, event: Reconciled) -> None:
    """Open the gate the first time; afterwards name every difference that was seen twice."""
    state = desk.state
    state.account.last_reconciled_ms = desk.now_ms
    if not state.account.is_opened:
        open_ledger(desk, event)
    elif not _is_moving(desk):
        for symbol, market in state.markets.items():
            if market.instrument.can_short:
                order_news.book_foreign(desk, symbol)
        _compare(desk, event)
    if not state.account.is_reconciled:
        state.account.is_reconciled = True
        _resume(desk)
    adoption.answer(desk, is_asked_again=True)
    for symbol in state.markets:
        protect(desk, symbol)


def on_payment(desk: Desk, payment: Payment) -> None:
    """Money moved without a fill: booked once, as what it is."""
    state = desk.state
    if (
        not state.account.is_opened
        or payment.payment_id in state.account.payment_ids
        or payment.ts_ms < state.account.opened_ms
    ):
        return
    state.account.payment_ids[payment.payment_id] = payment.ts_ms
    state.account.last_payment_ms = max(state.account.last_payment_ms, payment.ts_ms)
    if len(state.account.payment_ids) > _REMEMBERED_PAYMENTS:
        horizon_ms = state.account.last_payment_ms - _PAYMENTS_KEPT_MS
        state.account.payment_ids = {name: ts for name, ts in state.account.payment_ids.items() if ts >= horizon_ms}
    desk.emit(KeepPayment(payment))
    change = state.account.ledger.pay(payment)
    if change.position is not None:
        desk.emit(KeepPosition(change.position))
    for balance in change.balances:
        desk.emit(KeepBalance(balance))
    if payment.kind is PaymentKind.LIQUIDATION and payment.amount < 0:
        text = f"a liquidation cost {-payment.amount} {payment.currency} beyond its fills"
        desk.notify(Level.ALERT, "account.liquidation_cost", text, symbol=payment.symbol, ref=payment.payment_id)


def on_balances(desk: Desk, event: BalancesReported) -> None:
    """Balances as they change: looked at now, or once nothing is under way any more."""
    desk.state.account.told_balances.update({balance.currency: balance.total for balance in event.balances})
    check_told(desk)


def check_told(desk: Desk) -> None:
    """A pushed balance that does not fit our ledger while nothing is under way deserves a full look."""
    state = desk.state
    if not state.account.told_balances or not state.account.is_opened or _is_moving(desk):
        return
    if any(state.account.ledger.total(currency) != total for currency, total in state.account.told_balances.items()):
        desk.emit(RequestReconcile("a balance changed without a fill of ours"))
    state.account.told_balances.clear()


def open_ledger(desk: Desk, event: Reconciled) -> None:
    """The first start: what the account holds is what there was before us."""
    balances = event.balances
    desk.state.account.ledger.open_with(balances)
    desk.state.account.is_opened = True
    desk.state.account.opened_ms = desk.now_ms
    desk.keep("opened", "", OpenedKept(desk.now_ms))
    for balance in balances:
        desk.emit(KeepBalance(Balance(balance.currency, balance.total)))
    held = ", ".join(f"{b.total.normalize():f} {b.currency}" for b in balances) or "nothing"
    desk.notify(Level.INFO, "ledger.opened", f"first start with {held}")
    for position in event.positions:
        _follow(desk, position)


def _is_moving(desk: Desk) -> bool:
    """Whether fills may be on their way: a comparison would only see them half."""
    tracker = desk.state.orders.tracker
    return any(order.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN) for order in tracker.open_orders()) or bool(
        tracker.unsettled()
    )


def _compare(desk: Desk, event: Reconciled) -> None:
    state = desk.state
    found = compare(
        balances=state.account.ledger.balances,
        positions=state.account.ledger.positions,
        orders=state.orders.tracker.open_orders(),
        reported_balances=event.balances,
        reported_positions=event.positions,
        open_client_ids=event.open_client_ids,
        instruments={symbol: market.instrument for symbol, market in state.markets.items()},
        prices=state.prices(),
    )
    suspects = {discrepancy.key: discrepancy for discrepancy in found}
    confirmed = [discrepancy for key, discrepancy in suspects.items() if key in state.account.suspects]
    state.account.suspects = frozenset(suspects)
    if len(confirmed) < len(found):
        desk.emit(RequestReconcile("a difference must be seen twice"))
    for discrepancy in confirmed:
        _accept(desk, discrepancy, event)


def _accept(desk: Desk, discrepancy: Discrepancy, event: Reconciled) -> None:
    """A confirmed difference is named, and the ledger follows the exchange: nothing is true until it says so."""
    state = desk.state
    desk.notify(Level.ALERT, f"account.{discrepancy.kind.value}", discrepancy.text, ref=discrepancy.subject)
    if discrepancy.kind in (DiscrepancyKind.TRANSFER, DiscrepancyKind.MANUAL_TRADE):
        change = state.account.ledger.adjust(discrepancy.subject, discrepancy.difference)
        if discrepancy.kind is DiscrepancyKind.TRANSFER:
            guard.transferred(desk, discrepancy.subject, discrepancy.difference)
        for balance in change.balances:
            desk.emit(KeepBalance(balance))
    elif discrepancy.kind is DiscrepancyKind.POSITION:
        symbol = discrepancy.subject
        flat = Position(symbol, ZERO, ZERO, desk.now_ms)
        exits.abort_entries(desk, symbol, "the position is not as it should be")
        _follow(desk, next((each for each in event.positions if each.symbol == symbol), flat))


def _follow(desk: Desk, position: Position) -> None:
    """Take a margined position over as the exchange states it. A plan for the other side guards nothing any more."""
    state, symbol = desk.state, position.symbol
    known = state.account.ledger.positions.get(symbol)
    opened_ms = known.opened_ms if known is not None else position.opened_ms or desk.now_ms
    position = msgspec.structs.replace(position, opened_ms=opened_ms)
    desk.emit(KeepPosition(state.account.ledger.adopt(position).position or position))
    plan = state.positions.plans.get(symbol)
    if plan is not None and position.quantity * plan.side.sign <= 0:
        opening.forget_plan(desk, symbol)


def _resume(desk: Desk) -> None:
    """After the first reconciliation: algorithms, exits and protection go on from what they remember."""
    state = desk.state
    for parent_id in list(state.orders.algorithms):
        algorithms.resume_algorithm(
            desk, parent_id, gives_up=_ended_meanwhile(desk, state.orders.algorithms[parent_id])
        )
    for symbol, ticket in list(state.positions.tickets.items()):
        if ticket.parent_id not in state.orders.algorithms:
            del state.positions.tickets[symbol]
            desk.keep("ticket", symbol, None)
    # what ended just now with something sold is followed up as any exit is; one that got nothing begins anew at once
    sold = {algorithm.parent_id for algorithm in desk.finished if algorithm.filled}
    for symbol, wanted in list(state.positions.exits.items()):
        if wanted.parent_id and wanted.parent_id not in state.orders.algorithms and wanted.parent_id not in sold:
            wanted = msgspec.structs.replace(wanted, parent_id="", asked_ms=desk.now_ms)
            state.positions.exits[symbol] = wanted
        desk.wake(TimerId(TimerKind.EXIT, symbol), wanted.not_before_ms)
        exits.drive(desk, symbol)


def _ended_meanwhile(desk: Desk, algorithm: AlgorithmState) -> str:
    """Why a parent order does not go on after a start: what it bought was closed since, or nothing is left to sell.

    That was told before the account was known, when nothing could be taken back.
    """
    if algorithm.purpose.reduces:
        return "" if desk.held(algorithm.symbol) else "nothing is held any more"
    was_closed = standing.was_left_since(desk, algorithm.symbol, algorithm.started_ms + 1)
    return "its position was closed meanwhile" if was_closed else ""
