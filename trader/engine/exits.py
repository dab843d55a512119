"""Closing positions: the plan's exits on every price, and selling what an exit asked for.

On spot a resting stop holds the coins, so an exit first frees what it wants to sell: a full exit replaces the stop in
one request, a partial one waits until the stop has shrunk.
"""

from decimal import Decimal

import msgspec

from trader.domain.decisions import Level
from trader.domain.orders import Order, Purpose, Side
from trader.engine.algorithms import abort, start_algorithm
from trader.engine.desk import Desk, is_resting
from trader.engine.protection import protect
from trader.engine.state import PendingExit
from trader.execution.algorithms.state import AlgorithmState
from trader.risk.exits import on_price

RETRY_MS = 5_000
_ALERT_FROM = 3
_MAX_ATTEMPTS = 8
_MAX_STOP_REFUSALS = 3


def judge(desk: Desk, symbol: str) -> None:
    """Check the plan of `symbol` against the newest price; ask for an exit if one is due."""
    plan = desk.state.plans.get(symbol)
    book = desk.market(symbol).book
    if plan is None or book is None or not desk.state.is_ready:
        return
    if symbol in desk.state.exits:
        drive(desk, symbol)
        return
    changed, wanted = on_price(plan, book.bid, book.ask, desk.now_ms, desk.settings.risk)
    if changed is not plan:
        desk.state.plans[symbol] = changed
        desk.keep("plan", symbol, changed)
    held = abs(desk.held(symbol))
    if wanted is not None and held:
        ask_exit(desk, symbol, _part(desk, symbol, held, wanted.fraction), wanted.reason, Purpose.EXIT)
    elif changed.stop_price != plan.stop_price:
        protect(desk, symbol)


def ask_exit(desk: Desk, symbol: str, quantity: Decimal, reason: str, purpose: Purpose, attempt: int = 0) -> None:
    """Want `quantity` of the position closed. A wish for more replaces one for less that has not started."""
    old = desk.state.exits.get(symbol)
    if quantity <= 0 or (old is not None and (old.parent_id or old.quantity >= quantity)):
        return
    abort_entries(desk, symbol, reason)
    _put(desk, PendingExit(symbol, quantity, reason, purpose, desk.now_ms, attempt=attempt))
    desk.notify(Level.INFO, "exit.asked", f"{reason}: {quantity}", symbol=symbol)
    protect(desk, symbol)
    drive(desk, symbol)


def abort_entries(desk: Desk, symbol: str, reason: str) -> None:
    """Whoever leaves a position does not go on buying it."""
    for algorithm in list(desk.state.algorithms.values()):
        if algorithm.symbol == symbol and not algorithm.purpose.reduces:
            abort(desk, algorithm.parent_id, reason)


def drive(desk: Desk, symbol: str) -> None:
    """Start selling as soon as the quantity is free to be sold."""
    wanted = desk.state.exits.get(symbol)
    held = abs(desk.held(symbol))
    if wanted is None or wanted.parent_id or desk.market(symbol).book is None or not desk.state.is_ready:
        return
    if not held:
        forget(desk, symbol)
        return
    stops = desk.resting_stops(symbol)
    if any(not is_resting(stop) or desk.is_being_replaced(stop.client_id) for stop in stops):
        return
    quantity = min(wanted.quantity, held)
    blocking: Order | None = None
    if sum(stop.remaining for stop in stops) > held - quantity:
        if quantity < desk.market(symbol).instrument.round_quantity(held) or len(stops) != 1:
            return  # protect() shrinks it first
        blocking = stops[0]
    _start(desk, msgspec.structs.replace(wanted, quantity=quantity), blocking)


def on_finished(desk: Desk, algorithm: AlgorithmState) -> None:
    """An exit's algorithm is over: done, or try again for what is left."""
    wanted = desk.state.exits.get(algorithm.symbol)
    if wanted is None or wanted.parent_id != algorithm.parent_id:
        return
    symbol = wanted.symbol
    forget(desk, symbol)
    left = min(wanted.quantity - algorithm.filled, abs(desk.held(symbol)))
    book = desk.market(symbol).book
    instrument = desk.market(symbol).instrument
    if left <= 0 or (book is not None and instrument.refusal(left, instrument.round_price(book.bid)) is not None):
        protect(desk, symbol)
        return
    attempt = wanted.attempt + 1
    level = Level.ALERT if attempt >= _ALERT_FROM else Level.WARNING
    desk.notify(level, "exit.incomplete", f"{left} of {wanted.quantity} left after try {attempt}", symbol=symbol)
    if attempt >= _MAX_ATTEMPTS:
        protect(desk, symbol)
        return
    # kept as a wish and started by the timer, so that a refusing exchange is not hammered
    _put(desk, msgspec.structs.replace(wanted, quantity=left, parent_id="", attempt=attempt, asked_ms=desk.now_ms))
    desk.wake(f"exit/{symbol}", desk.now_ms + RETRY_MS)


def on_stop_refused(desk: Desk, order: Order) -> None:
    """The exchange did not take a stop: try again, and after a few times close the position instead."""
    symbol = order.symbol
    failures = desk.state.stop_failures.get(symbol, 0) + 1
    desk.state.stop_failures[symbol] = failures
    if symbol in desk.state.exits:
        return  # it is being closed already
    if failures < _MAX_STOP_REFUSALS:
        desk.notify(
            Level.WARNING, "stop.refused", f"{order.reason}; try {failures}", symbol=symbol, ref=order.client_id
        )
        protect(desk, symbol)
        return
    desk.notify(
        Level.ALERT,
        "stop.impossible",
        f"{order.reason}; closing the position after {failures} refusals",
        symbol=symbol,
        ref=order.client_id,
    )
    ask_exit(desk, symbol, abs(desk.held(symbol)), "stop could not be placed", Purpose.EXIT)


def forget(desk: Desk, symbol: str) -> None:
    """The exit is over."""
    if desk.state.exits.pop(symbol, None) is not None:
        desk.keep("exit", symbol, None)


def _start(desk: Desk, wanted: PendingExit, blocking: Order | None) -> None:
    plan = desk.state.plans.get(wanted.symbol)
    decision_id = plan.decision_id if plan is not None else wanted.symbol.replace("/", "").lower()
    parent_id = f"{decision_id}-x{wanted.asked_ms:x}"
    _put(desk, msgspec.structs.replace(wanted, parent_id=parent_id))
    side = Side.SELL if desk.held(wanted.symbol) > 0 else Side.BUY
    start_algorithm(
        desk,
        parent_id=parent_id,
        decision_id=decision_id,
        symbol=wanted.symbol,
        side=side,
        purpose=wanted.purpose,
        quantity=wanted.quantity,
        algorithm="market",
        first_replaces=blocking,
    )


def _put(desk: Desk, wanted: PendingExit) -> None:
    desk.state.exits[wanted.symbol] = wanted
    desk.keep("exit", wanted.symbol, wanted)


def _part(desk: Desk, symbol: str, held: Decimal, fraction: float) -> Decimal:
    """`fraction` of the position, or all of it when the rest would be too small to sell or to protect."""
    instrument = desk.market(symbol).instrument
    book = desk.market(symbol).book
    if fraction >= 1 or book is None:
        return instrument.round_quantity(held)
    part = instrument.round_quantity(float(held) * fraction)
    price = instrument.round_price(book.bid)
    if instrument.refusal(part, price) or instrument.refusal(instrument.round_quantity(held - part), price):
        return instrument.round_quantity(held)
    return part
