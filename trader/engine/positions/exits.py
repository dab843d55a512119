"""Closing positions: the plan's exits on every price, and selling what an exit asked for.

On spot a resting stop holds the coins, so an exit first frees what it wants to sell: a full exit replaces the stop in
one request, a partial one waits until the stop has shrunk. On perpetuals both only reduce: the stop stays until the
position is gone.
"""

import math
from decimal import Decimal

import msgspec

from trader.config.risk import RiskSettings, TakeProfit
from trader.domain.closing import CloseReason
from trader.domain.decisions import Level
from trader.domain.instrument import ZERO
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Order, Purpose, Side
from trader.domain.refusals import Refusal
from trader.domain.timers import TimerId, TimerKind
from trader.engine.algorithms import abort, start_algorithm
from trader.engine.desk import Desk, Quiet, is_resting
from trader.engine.positions.protection import note_trouble, protect
from trader.engine.state import Market
from trader.engine.state.kept import PendingExit
from trader.execution.algorithms.limit import LimitState
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.client_ids import client_id_for
from trader.execution.impact import estimate_impact
from trader.execution.planner import Decided, split_above_frac
from trader.risk.exits import horizon_wait_ms, on_price, quiet_between, quiet_until_ms
from trader.risk.stops import PositionPlan

RETRY_MS = 5_000  # market time between two tries at what the market did not take: long enough for another book
_LONGEST_WAIT_MS = 5_000  # network time between two tries at an exchange that cannot be asked
_ALERT_FROM = 3  # tries in a row from which a person should look: one may be chance, three are not
_MAX_ATTEMPTS = 8  # tries of one exit before it is left to the resting stop and to a person: 40 s of market time
_MAX_STOP_REFUSALS = (
    3  # refusals that were about the stop itself, after which a position that cannot be guarded is sold
)


def judge(desk: Desk, symbol: str) -> None:
    """Check the plan of `symbol` against the newest price; ask for an exit if one is due."""
    positions, book = desk.state.positions, desk.state.markets[symbol].book
    plan, quiet = positions.plans.get(symbol), desk.quiet.get(symbol)
    if quiet is not None and book is not None and plan is quiet.plan and desk.state.now_ms < quiet.until_ms:
        price = book.bids[0][0] if quiet.is_long else book.asks[0][0]
        if quiet.low <= price <= quiet.high and symbol not in positions.exits:
            return
    if plan is not None and book is not None and desk.state.account.is_reconciled:
        _judge(desk, plan, book)


def _judge(desk: Desk, plan: PositionPlan, book: Book) -> None:
    symbol = plan.symbol
    leaving = desk.state.positions.exits.get(symbol)
    if leaving is not None and (leaving.is_urgent or not (leaving.slices or _is_offered(desk, leaving))):
        drive(desk, symbol)
        return
    risk, now_ms = desk.settings_of(symbol).risk, desk.now_ms
    wait_ms = 0 if now_ms < plan.horizon_end_ms else horizon_wait_ms(plan, desk.candle_ms, risk)
    changed, wanted = on_price(plan, book.bid, book.ask, now_ms, risk, wait_ms)
    if changed is not plan:
        desk.state.positions.plans[symbol] = changed
        desk.keep("plan", symbol, changed)
    elif wanted is None and leaving is None:
        desk.quiet[symbol] = _quiet(desk, plan, risk)
        return
    held = abs(desk.held(symbol))
    if leaving is not None and (wanted is None or not wanted.reason.is_urgent):
        drive(desk, symbol)
    elif wanted is not None and held:
        quantity = _part(desk, symbol, held, wanted.fraction)
        ask_exit(desk, symbol, quantity, wanted.reason, Purpose.EXIT, is_urgent=wanted.reason.is_urgent)
        return
    if changed.stop_price != plan.stop_price:
        protect(desk, symbol)


def _quiet(desk: Desk, plan: PositionPlan, risk: RiskSettings) -> Quiet:
    """Between which prices, and until when, nothing comes of `plan`, which the price of now has left as it was."""
    low, high = quiet_between(plan, risk)
    until_ms = quiet_until_ms(plan, risk, horizon_wait_ms(plan, desk.candle_ms, risk))
    return Quiet(plan, plan.side is Side.BUY, low, high, until_ms)


def ask_exit(
    desk: Desk, symbol: str, quantity: Decimal, reason: CloseReason, purpose: Purpose, *, is_urgent: bool = False
) -> None:
    """Want `quantity` of the position closed: at once if urgent, else in slices where one order moves the price."""
    old = desk.state.positions.exits.get(symbol)
    if quantity <= 0 or (old is not None and (old.is_urgent or (not is_urgent and old.total >= quantity))):
        return
    abort_entries(desk, symbol, reason.value)
    if old is not None and old.parent_id:  # a slice is being sold: the rest follows without waiting
        selling = desk.algorithm_of(old.parent_id)
        coming = old.quantity - (selling.filled if selling is not None else ZERO)
        later = max(ZERO, quantity - coming)
        is_offered = _is_offered(desk, old)
        _put(desk, msgspec.structs.replace(old, later=later, slices=1, reason=reason, is_urgent=True))
        if is_offered:
            abort(desk, old.parent_id, reason.value)
        return
    slices = 1 if is_urgent or _may_be_offered(desk, symbol, reason) else _slices(desk, symbol, quantity)
    first = desk.market(symbol).instrument.round_quantity(quantity / slices) if slices > 1 else quantity
    wanted = PendingExit(
        symbol,
        first,
        reason,
        purpose,
        desk.now_ms,
        later=quantity - first,
        slices=slices - 1,
        is_urgent=is_urgent,
        decided_price=desk.market(symbol).mid or 0.0,
        decided_ms=desk.now_ms,
    )
    _put(desk, wanted)
    how = f" in {slices} slices" if slices > 1 else ""
    desk.notify(Level.INFO, "exit.asked", f"{reason.value}: {quantity}{how}", symbol=symbol)
    protect(desk, symbol)
    drive(desk, symbol)


def _may_be_offered(desk: Desk, symbol: str, reason: CloseReason) -> bool:
    """Whether a profit is offered as a limit first: where exits only reduce, so that the stop guards all of it too."""
    wants_limit = desk.settings_of(symbol).risk.take_profit is TakeProfit.LIMIT
    is_profit = reason in (CloseReason.PARTIAL, CloseReason.TAKE_PROFIT)
    return wants_limit and is_profit and desk.market(symbol).instrument.can_short


def _is_offered(desk: Desk, leaving: PendingExit) -> bool:
    """Whether it rests as a limit: what is more urgent does not wait for it."""
    return isinstance(desk.algorithm_of(leaving.parent_id), LimitState)


def withdraw(desk: Desk, symbol: str) -> None:
    """The position is gone by another way: what still offers a part of it is taken back, and nothing more is tried."""
    leaving = desk.state.positions.exits.get(symbol)
    if leaving is None or desk.held(symbol):
        return
    selling = desk.algorithm_of(leaving.parent_id)
    if selling is not None and (_is_offered(desk, leaving) or all(child.is_over for child in selling.children)):
        abort(desk, leaving.parent_id, "nothing is held any more")


def _slices(desk: Desk, symbol: str, quantity: Decimal) -> int:
    """Into how many orders to split, so that each stays near the impact that goes to market."""
    market, execution = desk.market(symbol), desk.settings_of(symbol).execution
    if market.book is None:
        return 1
    levels = market.book.bids if desk.held(symbol) > 0 else market.book.asks
    impact = estimate_impact(levels, float(quantity))
    most_frac = split_above_frac(execution)
    if impact <= most_frac:
        return 1
    wanted = execution.twap_slices if math.isinf(impact) else math.ceil(impact / most_frac * 2)
    slices = min(wanted, execution.twap_slices)
    price = market.instrument.round_price(market.book.bid)
    instrument = market.instrument.for_reducing
    while slices > 1 and instrument.refusal(instrument.round_quantity(quantity / slices), price):
        slices -= 1
    return slices


def abort_entries(desk: Desk, symbol: str, reason: str) -> None:
    """Whoever leaves a position does not go on buying it."""
    for algorithm in list(desk.state.orders.algorithms.values()):
        if algorithm.symbol == symbol and not algorithm.purpose.reduces:
            abort(desk, algorithm.parent_id, reason)


def drive(desk: Desk, symbol: str) -> None:
    """Start selling as soon as the quantity is free to be sold."""
    wanted = desk.state.positions.exits.get(symbol)
    held = abs(desk.held(symbol))
    if wanted is not None and desk.now_ms < wanted.not_before_ms:
        return
    if wanted is None or wanted.parent_id or desk.market(symbol).book is None or not desk.state.account.is_reconciled:
        return
    if not held:
        forget(desk, symbol)
        return
    stops = [] if desk.market(symbol).instrument.can_short else desk.resting_stops(symbol)
    if any(not is_resting(stop) or desk.state.orders.tracker.is_being_replaced(stop.client_id) for stop in stops):
        return
    sellable = desk.market(symbol).instrument.round_quantity(held)
    quantity = min(wanted.quantity, held)
    if _is_too_small(desk.market(symbol), sellable - quantity):
        quantity = sellable  # the rest could be neither sold nor protected
    blocking: Order | None = None
    if sum(stop.remaining for stop in stops) > held - quantity:
        if quantity < sellable or len(stops) != 1:
            return  # protect() shrinks it first
        blocking = stops[0]
    _start(desk, msgspec.structs.replace(wanted, quantity=quantity), blocking)


def on_finished(desk: Desk, algorithm: AlgorithmState) -> None:
    """An exit's algorithm is over: done, or try again for what is left."""
    wanted = desk.state.positions.exits.get(algorithm.symbol)
    if wanted is None or wanted.parent_id != algorithm.parent_id:
        return
    symbol, market = wanted.symbol, desk.market(wanted.symbol)
    forget(desk, symbol)
    held = market.instrument.round_quantity(abs(desk.held(symbol)))
    unsold = max(ZERO, wanted.quantity - algorithm.filled)
    left = min(unsold + wanted.later, held)
    if _is_too_small(market, left):
        protect(desk, symbol)
    elif wanted.slices:
        _next_slice(desk, wanted, held if left + market.instrument.min_quantity >= held else left)
    else:
        _try_again(desk, wanted, left, algorithm)


def _is_too_small(market: Market, quantity: Decimal) -> bool:
    if quantity <= 0 or market.book is None:
        return quantity <= 0
    price = market.instrument.round_price(market.book.bid)
    return market.instrument.for_reducing.refusal(quantity, price) is not None


def _next_slice(desk: Desk, sold: PendingExit, left: Decimal) -> None:
    """Wait for the book to refill, then sell the next part; an urgent exit does not wait."""
    execution = desk.settings_of(sold.symbol).execution
    slices = 1 if sold.is_urgent else sold.slices
    first = desk.market(sold.symbol).instrument.round_quantity(left / slices) if slices > 1 else left
    wait_ms = 0 if sold.is_urgent else round(execution.twap_duration_s * 1000 / execution.twap_slices)
    wanted = PendingExit(
        sold.symbol,
        first,
        sold.reason,
        sold.purpose,
        desk.now_ms,
        later=left - first,
        slices=slices - 1,
        not_before_ms=desk.now_ms + wait_ms,
        is_urgent=sold.is_urgent,
        decided_price=sold.decided_price,
        decided_ms=sold.decided_ms,
    )
    _put(desk, wanted)
    if wait_ms:
        desk.wake(TimerId(TimerKind.EXIT, sold.symbol), wanted.not_before_ms)
    protect(desk, sold.symbol)
    drive(desk, sold.symbol)


def _try_again(desk: Desk, wanted: PendingExit, left: Decimal, algorithm: AlgorithmState) -> None:
    symbol, attempt = wanted.symbol, wanted.attempt + 1
    if algorithm.refusal is not None and not algorithm.refusal.code.was_judged:
        _wait(desk, wanted, left, algorithm.refusal)
        return
    level = Level.ALERT if attempt >= _ALERT_FROM else Level.WARNING
    desk.notify(level, "exit.incomplete", f"{left} of {wanted.quantity} left after try {attempt}", symbol=symbol)
    if attempt < _MAX_ATTEMPTS:
        # kept as a wish and started by the timer, so that a refusing exchange is not hammered
        retry = msgspec.structs.replace(
            wanted,
            quantity=left,
            parent_id="",
            attempt=attempt,
            waits=0,
            asked_ms=desk.now_ms,
            not_before_ms=desk.now_ms + RETRY_MS,
        )
        _put(desk, retry)
        desk.wake(TimerId(TimerKind.EXIT, symbol), retry.not_before_ms)
    protect(desk, symbol)


def _wait(desk: Desk, wanted: PendingExit, left: Decimal, refusal: Refusal) -> None:
    """The exchange could not be asked at all: the wish stays, however long that lasts."""
    waits = wanted.waits + 1
    wait_ms = min(_LONGEST_WAIT_MS, 250 * 2 ** min(waits, 10)) * desk.state.speed
    due_ms = desk.now_ms + round(wait_ms)
    if waits & (waits - 1) == 0:  # the 1st, 2nd, 4th, 8th ... time
        level = Level.ALERT if waits >= _ALERT_FROM else Level.WARNING
        desk.notify(level, "exit.waiting", f"{left} to close, try {waits}: {refusal}", symbol=wanted.symbol)
    _put(
        desk,
        msgspec.structs.replace(
            wanted, quantity=left, parent_id="", waits=waits, asked_ms=desk.now_ms, not_before_ms=due_ms
        ),
    )
    desk.wake(TimerId(TimerKind.EXIT, wanted.symbol), due_ms)
    protect(desk, wanted.symbol)


def begin_again(desk: Desk, wanted: PendingExit, left: Decimal) -> None:
    """What sold for this exit is gone without a word: what is `left` is tried anew, a few times."""
    if left <= 0 or wanted.attempt + 1 >= _MAX_ATTEMPTS:
        forget(desk, wanted.symbol)
        return
    again = msgspec.structs.replace(
        wanted,
        quantity=left,
        parent_id="",
        attempt=wanted.attempt + 1,
        asked_ms=desk.now_ms,
        not_before_ms=desk.now_ms + RETRY_MS,
    )
    _put(desk, again)
    desk.wake(TimerId(TimerKind.EXIT, wanted.symbol), again.not_before_ms)


def on_stop_refused(desk: Desk, order: Order) -> None:
    """A stop does not rest: try again soon, and after a few refusals close the position instead."""
    symbol = order.symbol
    trouble = note_trouble(desk, order)
    if symbol in desk.state.positions.exits:
        return  # it is being closed already
    if not order.was_judged or trouble.refusals < _MAX_STOP_REFUSALS:
        if trouble.tries & (trouble.tries - 1) == 0:  # the 1st, 2nd, 4th, 8th ... time
            level = Level.ALERT if trouble.tries > _ALERT_FROM else Level.WARNING
            text = f"{order.refusal}; try {trouble.tries}"
            desk.notify(level, "stop.refused", text, symbol=symbol, ref=order.client_id)
        return
    desk.notify(
        Level.ALERT,
        "stop.impossible",
        f"{order.refusal}; closing the position after {trouble.refusals} refusals",
        symbol=symbol,
        ref=order.client_id,
    )
    ask_exit(desk, symbol, abs(desk.held(symbol)), CloseReason.STOP_IMPOSSIBLE, Purpose.EXIT, is_urgent=True)


def forget(desk: Desk, symbol: str) -> None:
    """The exit is over."""
    if desk.state.positions.exits.pop(symbol, None) is not None:
        desk.keep("exit", symbol, None)


def _start(desk: Desk, wanted: PendingExit, blocking: Order | None) -> None:
    plan = desk.state.positions.plans.get(wanted.symbol)
    decision_id = plan.decision_id if plan is not None else wanted.symbol.replace("/", "").lower()
    parent_id = _unused_parent(desk, decision_id, wanted)
    _put(desk, msgspec.structs.replace(wanted, parent_id=parent_id))
    side = Side.SELL if desk.held(wanted.symbol) > 0 else Side.BUY
    is_first = not wanted.is_urgent and wanted.attempt == 0
    is_offered = is_first and _may_be_offered(desk, wanted.symbol, wanted.reason)
    start_algorithm(
        desk,
        parent_id=parent_id,
        decision_id=decision_id,
        symbol=wanted.symbol,
        side=side,
        purpose=wanted.purpose,
        quantity=wanted.quantity,
        algorithm=AlgorithmName.LIMIT if is_offered else AlgorithmName.MARKET,
        first_replaces=blocking,
        decided=Decided(wanted.decided_price, wanted.decided_ms),
    )


def _unused_parent(desk: Desk, decision_id: str, wanted: PendingExit) -> str:
    """Exits of one decision are told apart by when they were asked for; a replay asks twice within a millisecond."""
    ledger_id, tracker, asked_ms = desk.state.ledger_id, desk.state.orders.tracker, wanted.asked_ms
    while tracker.is_known(client_id_for(ledger_id, f"{decision_id}-x{asked_ms:x}", wanted.purpose, 0)):
        asked_ms += 1
    return f"{decision_id}-x{asked_ms:x}"


def _put(desk: Desk, wanted: PendingExit) -> None:
    desk.state.positions.exits[wanted.symbol] = wanted
    desk.keep("exit", wanted.symbol, wanted)


def _part(desk: Desk, symbol: str, held: Decimal, fraction: float) -> Decimal:
    """`fraction` of the position, or all of it when the rest would be too small to sell or to protect."""
    instrument = desk.market(symbol).instrument.for_reducing
    book = desk.market(symbol).book
    if fraction >= 1 or book is None:
        return instrument.round_quantity(held)
    part = instrument.round_quantity(float(held) * fraction)
    price = instrument.round_price(book.bid)
    if instrument.refusal(part, price) or instrument.refusal(instrument.round_quantity(held - part), price):
        return instrument.round_quantity(held)
    return part
