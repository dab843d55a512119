"""Opening a position: its barriers, its size, its cost with impact; then the ticket, and the plan once it is filled."""

from typing import NamedTuple

import msgspec

from trader.domain.decisions import Level, SubmitOrder
from trader.domain.orders import AlgorithmName, Order, Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import DecisionRecord, Verdict
from trader.domain.units import DAY_MS
from trader.domain.workings import Cap, Carriage, GateName, SizeStory
from trader.engine import algorithms
from trader.engine.desk import Desk
from trader.engine.entries import portfolio
from trader.engine.entries.admission import beyond_liquidation
from trader.engine.entries.carrying import Carried, carry, too_dear
from trader.engine.entries.notes import Notes
from trader.engine.guards import in_use, standing
from trader.engine.positions.exits import forget
from trader.engine.positions.protection import protect
from trader.engine.state import Market
from trader.engine.state.kept import EntryTicket
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.planner import Decided, dearest_price, market_below_frac, split_above_frac
from trader.market.quality import book_fault
from trader.risk.caps import positions_with
from trader.risk.exits import extend
from trader.risk.stops import NEVER_MS, PositionPlan, barriers, horizon_sigma_frac, open_plan, with_entry
from trader.sizing import Sized, SizingView, Unsized, size_position
from trader.strategy.base import Strategy
from trader.strategy.proposal import Enter
from trader.strategy.view import View

_OPEN_END_MS = DAY_MS  # a position without a horizon keeps its stop as far from noise as one of a day


class Opening(NamedTuple):
    """A proposal to enter that nothing forbids, and what it was made from."""

    view: View
    market: Market
    strategy: Strategy
    wanted: Enter
    funding_frac: float
    notes: Notes
    adds_to: PositionPlan | None = None  # the position that this is a further part of

    @property
    def part(self) -> int:
        """Which part of the position it is, from 1."""
        return 1 if self.adds_to is None else self.adds_to.parts + 1


def enter(desk: Desk, opening: Opening, record: DecisionRecord) -> DecisionRecord:
    """Size what is wanted and begin to buy it, or say why not."""
    view, wanted, notes = opening.view, opening.wanted, opening.notes
    fault = book_fault(view.book.bids, view.book.asks)  # of its whole depth, which nothing before this has looked at
    if fault is not None:
        return _none(record, notes.refuses(GateName.BOOK, because(Code.BOOK_UNUSABLE, fault)))
    stop_frac, r_frac, target_frac = _barriers(desk, opening)
    most_frac = desk.settings_of(view.symbol).risk.widest_stop_frac
    if stop_frac > most_frac:
        too_wide = because(Code.STOP_TOO_WIDE, stop_frac=stop_frac, most_frac=most_frac)
        return _none(record, notes.refuses(GateName.STOP_WIDTH, too_wide, stop_frac, most_frac))
    notes.meets(GateName.STOP_WIDTH, stop_frac, most_frac)
    sized = _size(desk, opening, stop_frac)
    if isinstance(sized, Unsized):
        return _none(record, notes.refuses(GateName.SIZE, sized.reason))
    carried = carry(desk, opening.market, view.book, wanted, sized)
    if isinstance(carried, Unsized):
        return _none(record, notes.refuses(GateName.SIZE, carried.reason))
    sized = carried.sized
    notes.meets(GateName.SIZE, sized.notional, None)
    _note_carriage(desk, opening, carried)
    reason = too_dear(desk, opening.market, view.book, wanted, carried, opening.funding_frac, notes)
    if reason is not None:
        return _none(record, reason)
    ticket = EntryTicket(
        symbol=view.symbol,
        side=wanted.side,
        parent_id=record.decision_id,
        decision_id=record.decision_id,
        regime=view.regime,
        stop_frac=stop_frac,
        take_profit_frac=target_frac,
        horizon_end_ms=NEVER_MS if wanted.until_ms is None else wanted.until_ms,
        strategy_id=opening.strategy.strategy_id,
        has_ladder=opening.strategy.has_ladder,
        adds_to="" if opening.adds_to is None else opening.adds_to.decision_id,
        part=opening.part,
        r_frac=r_frac,
        annual_vol=desk.annual_vol(view.symbol),
    )
    decided = Decided(view.context.close, view.candle_close_ms, carried.modelled_frac)
    refused = _begin(desk, ticket, sized, carried.algorithm, decided, notes)
    reasons = (*wanted.reasons, *sized.limits, *_shrink_reasons(desk, opening), *_part_reasons(desk, opening))
    return msgspec.structs.replace(
        record,
        verdict=Verdict.ENTER,
        reasons=(*reasons, carried.impact, *refused),
        side=wanted.side,
        quantity=sized.quantity,
        algorithm=carried.algorithm,
        parent_id=record.decision_id,
    )


def _none(record: DecisionRecord, reason: Reason) -> DecisionRecord:
    return msgspec.structs.replace(record, reasons=(reason,))


def _begin(
    desk: Desk, ticket: EntryTicket, sized: Sized, algorithm: AlgorithmName, decided: Decided, notes: Notes
) -> tuple[Reason, ...]:
    """What the review had against its first order, if it had."""
    desk.state.positions.tickets[ticket.symbol] = ticket
    desk.keep("ticket", ticket.symbol, ticket)
    desk.state.counters["entries"] += 1
    refused = algorithms.start_algorithm(
        desk,
        parent_id=ticket.parent_id,
        decision_id=ticket.decision_id,
        symbol=ticket.symbol,
        side=ticket.side,
        purpose=Purpose.ENTRY,
        quantity=sized.quantity,
        algorithm=algorithm,
        decided=decided,
    )
    notes.orders = sum(
        isinstance(decision, SubmitOrder) and decision.approved.intent.parent_id == ticket.parent_id
        for decision in desk.out
    )
    if refused:
        notes.refuses(GateName.REVIEW, refused[0])
    elif notes.orders:
        notes.passes(GateName.REVIEW)
    return refused


def _note_carriage(desk: Desk, opening: Opening, carried: Carried) -> None:
    settings, urgency = desk.settings_of(opening.view.symbol).execution, opening.wanted.urgency
    story = opening.notes.size
    if story is not None:
        opening.notes.size = msgspec.structs.replace(story, factors=carried.sized.factors)
    opening.notes.carriage = Carriage(
        carried.algorithm,
        carried.whole_impact_frac,
        market_below_frac(settings, urgency),
        split_above_frac(settings, urgency),
        carried.modelled_frac,
    )


def _barriers(desk: Desk, opening: Opening) -> tuple[float, float, float | None]:
    """(distance of the stop, R, distance of the target if there is one). Without the ladder they are as the strategy
    says, and R is the distance of the stop.
    """
    view, wanted = opening.view, opening.wanted
    horizon_ms = _OPEN_END_MS if wanted.until_ms is None else wanted.until_ms - view.candle_close_ms
    found = barriers(
        atr_frac=view.context.atr_14 / view.context.close,
        regime_stop_frac=wanted.stop_frac or 0.0,
        regime_take_profit_frac=wanted.target_frac or 0.0,
        horizon_sigma_frac=horizon_sigma_frac(view.context.annual_vol, horizon_ms),
        settings=desk.settings_of(view.symbol).risk,
    )
    if opening.strategy.has_ladder:
        return found
    stop_frac = wanted.stop_frac or found.stop_frac
    return stop_frac, stop_frac, wanted.target_frac


def _shrink(desk: Desk, opening: Opening) -> float:
    """Share of the usual size: the smaller of what a drifted model leaves its trades, and a person any."""
    own = standing.size_share(desk, opening.view.symbol)
    return min(own, in_use.size_share(desk)) if opening.strategy.needs_forecast else own


def _shrink_reasons(desk: Desk, opening: Opening) -> tuple[Reason, ...]:
    own = standing.said_reasons(desk, opening.view.symbol)
    return (*own, *in_use.size_reasons(desk)) if opening.strategy.needs_forecast else own


def _parts(desk: Desk, opening: Opening) -> int:
    """In how many parts a position of that strategy is built."""
    return desk.settings_of(opening.view.symbol).sizing.tranches if opening.strategy.builds_in_parts else 1


def _part_reasons(desk: Desk, opening: Opening) -> tuple[Reason, ...]:
    parts = _parts(desk, opening)
    return (because(Code.PART, part=opening.part, parts=parts),) if parts > 1 else ()


def _size(desk: Desk, opening: Opening, stop_frac: float) -> Sized | Unsized:
    view, instrument, committed = opening.view, opening.market.instrument, desk.commitments()
    if committed is None:
        return Unsized(because(Code.EQUITY_UNKNOWN))
    liquidated = beyond_liquidation(desk, view.symbol, stop_frac)
    if liquidated is not None:
        return Unsized(liquidated)
    sizing = SizingView(
        equity=committed.equity,
        exposure_quote=committed.notional,
        rooms=desk.rooms(view.symbol, stop_frac, committed),
        positions=positions_with(view.symbol, committed),
        price=_approval_price(desk, view, opening.wanted.side),
        stop_frac=stop_frac,
        atr_frac=view.context.atr_14 / view.context.close,
        shrink=_shrink(desk, opening),
        held=float(abs(desk.held(view.symbol))),
        parts=max(1, _parts(desk, opening) - opening.part + 1),
        expected=portfolio.expected_positions(desk),
        correlation=portfolio.correlation(desk, view.symbol, opening.wanted.side, committed),
        beside=portfolio.beside(desk, view.symbol, opening.wanted.side, committed),
        regime=view.regime,
        own=portfolio.own_trades(desk, opening.strategy.strategy_id),
        is_real_money=desk.is_real_money,
    )
    rules = desk.settings_of(view.symbol).sizing
    if sizing.positions <= rules.max_positions:
        opening.notes.meets(GateName.POSITIONS, sizing.positions, rules.max_positions)
    found = size_position(opening.wanted, view.forecast, view.model, sizing, instrument, rules)
    _note_size(opening, sizing, _parts(desk, opening), found)
    return found


def _note_size(opening: Opening, sizing: SizingView, parts: int, found: Sized | Unsized) -> None:
    limits = found.reason.causes if isinstance(found, Unsized) else found.limits
    cut = {limit.code for limit in limits}
    rooms = (Cap(room.code, room.used, room.most, room.left, room.code in cut) for room in sizing.rooms)
    opening.notes.size = SizeStory(
        sizing.equity, sizing.price, sizing.stop_frac, tuple(rooms), sizing.held, opening.part, parts
    )


def _approval_price(desk: Desk, view: View, side: Side) -> float:
    """The price at which an entry is worth most: what fits at it passes the review whatever algorithm sends it."""
    instrument = desk.market(view.symbol).instrument
    return float(dearest_price(instrument, view.book, side, desk.settings_of(view.symbol).execution))


# --- what becomes of it ---------------------------------------------------------------------------------------


def on_entry_fill(desk: Desk, order: Order) -> None:
    """The position grew: its plan starts from the average entry price so far."""
    ticket = desk.state.positions.tickets.get(order.symbol)
    position = desk.state.account.ledger.positions.get(order.symbol)
    if ticket is None or position is None:
        return
    plan = desk.state.positions.plans.get(order.symbol)
    if plan is not None and plan.decision_id == ticket.decision_id:
        put_plan(desk, with_entry(plan, float(position.entry_price)))
        return
    if plan is not None and plan.decision_id == ticket.adds_to:
        grown = extend(with_entry(plan, float(position.entry_price)), ticket.horizon_end_ms)
        put_plan(desk, msgspec.structs.replace(grown, parts=ticket.part))
        return
    plan = open_plan(
        symbol=order.symbol,
        side=ticket.side,
        entry_price=float(position.entry_price),
        stop_frac=_usable_stop_frac(desk, ticket),
        take_profit_frac=ticket.take_profit_frac,
        opened_ms=position.opened_ms,
        horizon_end_ms=ticket.horizon_end_ms,
        decision_id=ticket.decision_id,
        regime=ticket.regime,
        strategy_id=ticket.strategy_id,
        has_ladder=ticket.has_ladder,
        r_frac=ticket.r_frac,
    )
    put_plan(desk, plan)


def _usable_stop_frac(desk: Desk, ticket: EntryTicket) -> float:
    """The ticket's stop distance; the widest useful one where nothing can be guarded with what the ticket says."""
    widest = desk.settings_of(ticket.symbol).risk.widest_stop_frac
    if 0 < ticket.stop_frac <= widest:
        return ticket.stop_frac
    text = f"a stop {ticket.stop_frac:.1%} away guards nothing; it is put {widest:.1%} away"
    desk.notify(Level.ALERT, "stop.unusable", text, symbol=ticket.symbol, ref=ticket.decision_id)
    return widest


def on_entry_finished(desk: Desk, state: AlgorithmState) -> None:
    """Nothing more is bought: the ticket has done its service."""
    ticket = desk.state.positions.tickets.get(state.symbol)
    if ticket is not None and ticket.parent_id == state.parent_id:
        del desk.state.positions.tickets[state.symbol]
        desk.keep("ticket", state.symbol, None)
        protect(desk, state.symbol)


def forget_plan(desk: Desk, symbol: str) -> None:
    """The position is closed: nothing is left to plan, to sell or to protect."""
    if desk.state.positions.plans.pop(symbol, None) is not None:
        desk.keep("plan", symbol, None)
    wanted = desk.state.positions.exits.get(symbol)
    if wanted is not None and not wanted.parent_id:
        forget(desk, symbol)
    desk.state.positions.stop_troubles.pop(symbol, None)


def put_plan(desk: Desk, plan: PositionPlan) -> None:
    """From now on `plan` guards its position."""
    desk.state.positions.plans[plan.symbol] = plan
    desk.keep("plan", plan.symbol, plan)
