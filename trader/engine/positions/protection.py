"""Keeps one protective stop resting at the exchange: the size of the position, at the plan's stop price."""

from decimal import Decimal

from trader.domain.decisions import Level
from trader.domain.instrument import ZERO, exact
from trader.domain.orders import Order, OrderIntent, OrderStatus, OrderType, Purpose
from trader.domain.timers import TimerId, TimerKind
from trader.engine.desk import Desk, Guarded, is_resting
from trader.engine.state import StopTrouble
from trader.execution.client_ids import client_id_for
from trader.risk.stops import PositionPlan, resting_stop_price

# network time until a stop that was not taken is tried again: a position is never 2 s without one, if it can be had
_WAITS_MS = (250, 500, 1_000, 2_000)
_SILENT_AFTER_MS = 1_000  # network time without an answer after which it no longer counts: half of those 2 s


def protect(desk: Desk, symbol: str) -> None:
    """Bring the resting stop in line with position and plan. Call after anything that changed one of them."""
    if not desk.state.account.is_reconciled or _is_guarded(desk, symbol):
        return
    desk.guarded.pop(symbol, None)
    stops = desk.resting_stops(symbol)
    plan = desk.state.positions.plans.get(symbol)
    quantity = _wanted_quantity(desk, symbol)
    if plan is None or quantity <= 0:
        if not desk.held(symbol):
            for stop in stops:
                if is_resting(stop) and not desk.state.orders.tracker.is_being_replaced(stop.client_id):
                    desk.cancel(stop)
        return
    silent = [stop for stop in stops if _is_silent(desk, stop)]
    answered = [stop for stop in stops if stop not in silent]
    if any(_is_busy(desk, stop) for stop in answered):
        return  # its outcome comes back here
    is_margined = desk.market(symbol).instrument.can_short
    unanswered = silent[0] if silent and (is_margined or not answered) else None
    if unanswered is not None and not _may_stand_in(desk, silent):
        return
    keep = answered[-1 if is_margined else 0] if answered else None
    for extra in answered:
        if extra is not keep:
            desk.cancel(extra)
    trouble = desk.state.positions.stop_troubles.get(symbol)
    if trouble is not None and desk.now_ms < trouble.not_before_ms:
        return  # a timer comes back here
    _place_or_move(desk, plan, quantity, keep, unanswered)


def _is_guarded(desk: Desk, symbol: str) -> bool:
    """Whether all is as it was when the stop needed nothing: the same stop, position, listing and stop price.

    Only `protect` places stops, so that one stop that rests unchanged is the only one.
    """
    known, positions = desk.guarded.get(symbol), desk.state.positions
    if known is None or symbol in positions.exits or symbol in positions.stop_troubles:
        return False
    plan = positions.plans.get(symbol)
    return (
        plan is not None
        and plan.stop_price == known.stop_price
        and plan.side is known.side
        and desk.state.account.ledger.positions.get(symbol) is known.position
        and desk.state.orders.tracker.by_client_id(known.stop.client_id) is known.stop
        and desk.state.markets[symbol].instrument is known.instrument
    )


def _guarded_by(desk: Desk, plan: PositionPlan, stop: Order) -> Guarded:
    """What `_is_guarded` compares with."""
    position = desk.state.account.ledger.positions.get(plan.symbol)
    return Guarded(plan.stop_price, plan.side, position, stop, desk.market(plan.symbol).instrument)


def note_trouble(desk: Desk, order: Order) -> StopTrouble:
    """A stop was not taken: the next try waits, longer each time, so that nobody is hammered."""
    before = desk.state.positions.stop_troubles.get(order.symbol, StopTrouble())
    was_refused = order.status is OrderStatus.REJECTED  # one that never arrived has cost its time already
    wait_ms = _WAITS_MS[min(before.tries, len(_WAITS_MS) - 1)] * desk.state.speed if was_refused else 0
    trouble = StopTrouble(before.tries + 1, before.refusals + order.was_judged, desk.now_ms + round(wait_ms))
    desk.state.positions.stop_troubles[order.symbol] = trouble
    desk.wake(TimerId(TimerKind.STOP, order.symbol), trouble.not_before_ms)
    return trouble


def _wanted_quantity(desk: Desk, symbol: str) -> Decimal:
    """What the stop should cover: the position, on spot less what an exit is about to sell."""
    if desk.market(symbol).instrument.can_short:  # both only reduce: the stop guards what an exit has not closed yet
        return desk.market(symbol).instrument.round_quantity(abs(desk.held(symbol)))
    exiting = desk.state.positions.exits.get(symbol)
    leaving = ZERO
    if exiting is not None and desk.now_ms >= exiting.not_before_ms:
        leaving = exiting.quantity - _sold(desk, exiting.parent_id)
    return desk.market(symbol).instrument.round_quantity(max(ZERO, abs(desk.held(symbol)) - leaving))


def _sold(desk: Desk, parent_id: str) -> Decimal:
    """What the parent of an exit has got; one that ended in this event counts until the exit is followed up."""
    ended = (each for each in desk.finished if each.parent_id == parent_id)
    algorithm = desk.algorithm_of(parent_id) or next(ended, None)
    return ZERO if algorithm is None else algorithm.filled


def _is_silent(desk: Desk, stop: Order) -> bool:
    """Sent a while ago, and nobody knows whether the exchange has it."""
    return stop.is_in_flight and desk.now_ms - stop.created_ms >= _SILENT_AFTER_MS * desk.state.speed


def _may_stand_in(desk: Desk, silent: list[Order]) -> bool:
    """Whether another stop may be sent while `silent` ones may or may not rest: once for each, one at a time.

    Both resting does no harm: on spot the first holds the coins and the other is refused, a reduce-only one never
    exceeds the position; whatever is too much is cancelled once it is known.
    """
    return len(silent) == 1 and not desk.state.orders.tracker.has_stand_in(silent[0].client_id)


def _is_busy(desk: Desk, stop: Order) -> bool:
    return not is_resting(stop) or stop.cancel_requested or desk.state.orders.tracker.is_being_replaced(stop.client_id)


def _place_or_move(
    desk: Desk, plan: PositionPlan, quantity: Decimal, resting: Order | None, unanswered: Order | None
) -> None:
    """The stop as the plan has it now; beside `unanswered`, which may or may not rest, where there is one."""
    instrument = desk.market(plan.symbol).instrument
    stop_price = resting_stop_price(plan, instrument)
    if instrument.for_reducing.refusal(quantity, stop_price) is not None:
        return  # too small for the exchange to hold; the engine watches it
    if resting is not None:
        least_move = stop_price * exact(desk.settings_of(plan.symbol).risk.stop_move_frac)
        moved = abs(stop_price - (resting.intent.stop_price or ZERO)) >= least_move
        covers = resting.remaining == quantity or (instrument.can_short and _is_leaving(desk, plan.symbol, resting))
        if covers and not moved and resting.intent.side is plan.side.opposite:
            if resting.remaining == quantity and desk.resting_stops(plan.symbol) == [resting]:
                desk.guarded[plan.symbol] = _guarded_by(desk, plan, resting)
            return
    intent = OrderIntent(
        client_id=_new_id(desk, plan),
        parent_id=plan.decision_id,
        decision_id=plan.decision_id,
        symbol=plan.symbol,
        side=plan.side.opposite,
        type=OrderType.STOP_MARKET,
        quantity=quantity,
        purpose=Purpose.STOP,
        stop_price=stop_price,
        reduce_only=instrument.can_short,
        reference_price=desk.market(plan.symbol).mid or plan.entry_price,
    )
    # what only reduces holds nothing: the new stop is placed beside the old one, which is cancelled once it rests
    replaces = None if instrument.can_short else resting
    refused = desk.submit(intent, replaces, unanswered.client_id if unanswered is not None else "")
    if unanswered is not None and refused is None:
        text = "no answer to the protective stop; sending another"
        desk.notify(Level.WARNING, "stop.silent", text, symbol=plan.symbol, ref=unanswered.client_id)


def _is_leaving(desk: Desk, symbol: str, resting: Order) -> bool:
    """An exit shrinks the position fill by fill: a stop that only reduces may be larger until it is over."""
    wanted = desk.state.positions.exits.get(symbol)
    return wanted is not None and bool(wanted.parent_id) and resting.remaining >= abs(desk.held(symbol))


def _new_id(desk: Desk, plan: PositionPlan) -> str:
    """A plan has many stops in its life: they are told apart by the time they were wanted."""
    step = desk.now_ms
    while desk.state.orders.tracker.is_known(
        client_id := client_id_for(desk.state.ledger_id, plan.decision_id, Purpose.STOP, step)
    ):
        step += 1
    return client_id
