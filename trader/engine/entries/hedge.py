"""The hedge: opened when the portfolio moves much more than the leader, closed when it does not any more.

Judged when the leader's candle closes, which is when betas are measured, and on the tick after something was filled or
an entry given up. It is a position like any other but for this: no cap counts it, no strategy has a say about it, and
nothing but its stop, a person and this file ends it.
"""

from itertools import takewhile
from typing import NamedTuple

from trader.domain.closing import CloseReason
from trader.domain.commitments import Commitments
from trader.domain.decisions import Level, TradingState
from trader.domain.events import StreamState
from trader.domain.market import Book
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import HEDGE, Regime
from trader.engine.algorithms import start_algorithm
from trader.engine.desk import Desk
from trader.engine.guards import standing
from trader.engine.positions import exits
from trader.engine.state.kept import EntryTicket
from trader.execution.client_ids import client_id_for
from trader.execution.planner import Decided, choose_algorithm, dearest_price, most_carried
from trader.risk.hedge import LEAST_BETA, hedge_notional, hedge_side, is_wanted, portfolio_beta
from trader.risk.stops import NEVER_MS


class _Means(NamedTuple):
    """What can hedge now."""

    symbol: str
    side: Side
    own_beta: float
    book: Book


def on_close(desk: Desk) -> None:
    """The leader's candle has closed, and betas are measured anew."""
    if desk.settings.risk.hedge:
        _tell_if_impossible(desk)
    _judge(desk)


def on_tick(desk: Desk) -> None:
    """Look again where something was filled since: a portfolio that was stopped out needs no hedge.

    Nor does one that was counted with an entry which has ended with less than it wanted.
    """
    state = desk.state
    hedge = state.hedge
    if hedge.seen_fills != state.counters["fills"] or not hedge.seen_entries <= state.positions.tickets.keys():
        _judge(desk)


def _judge(desk: Desk) -> None:
    """Open or close the hedge, if the portfolio's beta says so. While that is not known, what is stays."""
    state, hedge, risk = desk.state, desk.state.hedge, desk.settings.risk
    committed = desk.commitments() if state.account.is_reconciled else None
    if committed is None:
        return
    hedge.seen_fills, hedge.seen_entries = state.counters["fills"], frozenset(state.positions.tickets)
    hedge.beta = portfolio_beta(committed, state.correlations.betas, _leaving(desk))
    if hedge.beta is None:
        return
    held = state.positions.hedge
    if is_wanted(hedge.beta, is_held=bool(held), settings=risk):
        if not held:
            _open(desk, committed, hedge.beta)
    elif held:
        _close(desk, held, hedge.beta)
    else:
        _needs_none(desk)


def _leaving(desk: Desk) -> frozenset[str]:
    """Symbols whose whole position is being closed."""
    wanted = desk.state.positions.exits.items()
    return frozenset(symbol for symbol, each in wanted if each.reason is not CloseReason.PARTIAL)


def _symbol(desk: Desk) -> str:
    return desk.settings.risk.hedge_symbol or next(iter(desk.state.markets))


# --- opening --------------------------------------------------------------------------------------------------


def _open(desk: Desk, committed: Commitments, beta: float) -> None:
    means = _means(desk)
    if isinstance(means, Reason):
        _miss(desk, means)
        return
    instrument, settings = desk.market(means.symbol).instrument, desk.settings_of(means.symbol)
    price = dearest_price(instrument, means.book, means.side, settings.execution)
    wanted = hedge_notional(beta, means.own_beta, committed.equity, desk.settings.risk)
    room = desk.hedge_room(means.symbol, committed)
    quantity = instrument.round_quantity(min(wanted, room.left) / float(price))
    chosen = choose_algorithm(means.book, means.side, quantity, settings.execution).algorithm
    most = most_carried(chosen, means.book, means.side, settings.execution)
    quantity = min(quantity, instrument.round_quantity(most))
    refusal = instrument.refusal(quantity, instrument.round_price(means.book.bid))
    if refusal is not None:
        _miss(desk, refusal)
        return
    desk.state.hedge.missing = None
    above, value = desk.settings.risk.hedge_beta_above, float(quantity * price)
    text = f"portfolio beta {beta:.2f} is above {above:g}: {means.side.value} {quantity}, worth {value:.2f}"
    ticket = _ticket(desk, means)
    desk.notify(Level.INFO, "hedge.asked", f"{text} {instrument.quote}", symbol=means.symbol, ref=ticket.decision_id)
    desk.state.positions.tickets[means.symbol] = ticket
    desk.keep("ticket", means.symbol, ticket)
    start_algorithm(
        desk,
        parent_id=ticket.parent_id,
        decision_id=ticket.decision_id,
        symbol=means.symbol,
        side=means.side,
        purpose=Purpose.HEDGE,
        quantity=quantity,
        algorithm=chosen,
        decided=Decided(means.book.mid, desk.now_ms),
    )


def _means(desk: Desk) -> _Means | Reason:
    """What hedges now, or why nothing can."""
    symbol = _symbol(desk)
    forbidden = _forbidden(desk, symbol)
    if forbidden is not None:
        return forbidden
    market, own_beta = desk.market(symbol), desk.state.correlations.betas.get(symbol)
    if own_beta is None:
        return because(Code.HEDGE_BETA_UNKNOWN, symbol)
    if abs(own_beta) < LEAST_BETA:
        return because(Code.HEDGE_WEAK, symbol, beta=own_beta)
    side = hedge_side(own_beta, can_short=market.instrument.can_short)
    if side is None:
        return because(Code.HEDGE_IMPOSSIBLE, symbol)
    if market.book is None:
        return because(Code.NO_BOOK)
    return _Means(symbol, side, own_beta, market.book)


def _forbidden(desk: Desk, symbol: str) -> Reason | None:
    """Why nothing may be opened in `symbol` for the hedge now. REDUCING is no reason: a hedge reduces risk."""
    state, market = desk.state, desk.market(symbol)
    trading, said = state.guard.breakers, standing.of_symbol(desk, symbol)
    if state.is_stopping:
        return because(Code.SHUTTING_DOWN)
    if trading.trading_state is TradingState.HALTED:
        return because(Code.HALTED, causes=trading.reasons)
    if not said.stance.opens:
        return because(Code.OVERRIDDEN, f"{said.words} by {said.by}")
    if desk.held(symbol) or symbol in state.positions.tickets or symbol in state.positions.exits:
        return because(Code.HEDGE_TAKEN, symbol)
    if _was_ended(desk):
        return because(Code.LEFT_AT_THIS_CLOSE)
    if market.stream is not StreamState.LIVE:
        return because(Code.DATA_STALE, market.stream_reason)
    return because(Code.ORDER_UNKNOWN) if state.orders.tracker.unknown_in(symbol) else None


def _was_ended(desk: Desk) -> bool:
    """Whether one ended since the leader's close: who closed it, or takes no stop, gets no other with every tick."""
    leader = next(iter(desk.state.markets.values())).candle
    close_ms = leader.close_ms if leader is not None else 0
    recent = takewhile(lambda trade: trade.closed_ms >= close_ms, reversed(desk.state.standing.trades))
    return any(trade.strategy_id == HEDGE for trade in recent)


def _ticket(desk: Desk, means: _Means) -> EntryTicket:
    """Its plan will have a stop as far away as one may be, and no other end."""
    risk = desk.settings_of(means.symbol).risk
    is_isolated = desk.settings.exchange.margin_mode == "isolated"
    survived = risk.liquidation_loss_frac / desk.leverage(means.symbol) if is_isolated else 1.0
    name = _unused_name(desk)
    return EntryTicket(
        symbol=means.symbol,
        side=means.side,
        parent_id=name,
        decision_id=name,
        regime=desk.market(means.symbol).regime or Regime.RANGE_BOUND,
        stop_frac=min(risk.widest_stop_frac, survived),
        take_profit_frac=None,
        horizon_end_ms=NEVER_MS,
        strategy_id=HEDGE,
        has_ladder=False,
    )


def _unused_name(desk: Desk) -> str:
    """Hedges are told apart by when they were asked for; a replay may ask twice within a millisecond."""
    ledger_id, tracker, asked_ms = desk.state.ledger_id, desk.state.orders.tracker, desk.now_ms
    while tracker.is_known(client_id_for(ledger_id, f"hedge-{asked_ms:x}", Purpose.HEDGE, 0)):
        asked_ms += 1
    return f"hedge-{asked_ms:x}"


# --- closing, and what is told --------------------------------------------------------------------------------


def _close(desk: Desk, symbol: str, beta: float) -> None:
    if symbol in desk.state.positions.exits:
        return
    below = desk.settings.risk.hedge_beta_below
    why = f"portfolio beta {beta:.2f} is below {below:g}" if desk.settings.risk.hedge else "risk.hedge is off"
    exits.abort_entries(desk, symbol, why)
    held = desk.market(symbol).instrument.round_quantity(abs(desk.held(symbol)))
    desk.notify(Level.INFO, "hedge.removed", f"{why}: {held} is closed", symbol=symbol)
    exits.ask_exit(desk, symbol, held, CloseReason.HEDGE, Purpose.EXIT)


def _tell_if_impossible(desk: Desk) -> None:
    """Spot has nothing to sell short, and no inverse symbol was named: said at the first look, wanted or not."""
    symbol = _symbol(desk)
    if desk.settings.risk.hedge_symbol is None and not desk.market(symbol).instrument.can_short:
        _miss(desk, because(Code.HEDGE_IMPOSSIBLE, symbol), Level.INFO)


def _miss(desk: Desk, reason: Reason, level: Level = Level.WARNING) -> None:
    """There is no hedge, and this is why: told once, shown by the status while it holds."""
    before = desk.state.hedge.missing
    desk.state.hedge.missing = reason
    if before is None or before.code is not reason.code:
        desk.notify(level, "hedge.missing", str(reason), symbol=_symbol(desk))


def _needs_none(desk: Desk) -> None:
    missing = desk.state.hedge.missing
    if missing is not None and missing.code is not Code.HEDGE_IMPOSSIBLE:
        desk.state.hedge.missing = None
