"""From a candle close to a decision: the strategy is asked, the gate and the plan have their say; one row each time."""

import hashlib

import msgspec

from trader.domain.closing import CloseReason
from trader.domain.decisions import Level, RecordDecision
from trader.domain.market import Book, Candle
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import HEDGE, DecisionRecord, Forecast, Regime, Verdict
from trader.domain.units import BPS
from trader.domain.workings import GateName
from trader.engine.desk import Desk
from trader.engine.entries.admission import blocked
from trader.engine.entries.funding import due_reason, funding_frac
from trader.engine.entries.notes import Costs, Notes
from trader.engine.entries.opening import Opening, enter, put_plan
from trader.engine.guards import in_use, standing
from trader.engine.positions.exits import ask_exit
from trader.engine.positions.protection import protect
from trader.engine.state import Market
from trader.engine.state.kept import RegimeKept
from trader.execution.costs import round_trip_cost_frac
from trader.risk.exits import extend
from trader.risk.stops import NEVER_MS, PositionPlan, tighten
from trader.strategy.base import Strategy
from trader.strategy.proposal import Enter, Keep, Leave, Pass, Proposal
from trader.strategy.regime import classify
from trader.strategy.signals import calibrated_edge
from trader.strategy.view import Holding, View


def on_forecast(desk: Desk, forecast: Forecast) -> None:
    """Decide on one symbol at one candle close; once, also when a restart brings the candle again."""
    market = desk.market(forecast.symbol)
    if not forecast.missing:
        market.context = forecast.context
    if forecast.candle_open_ms <= market.decided_ms:
        return
    market.decided_ms = forecast.candle_open_ms
    _update_regime(desk, market, forecast)
    desk.state.counters["decisions"] += 1
    notes = Notes(forecast)
    record = _at_horizon(desk, forecast, _decide(desk, market, forecast, notes), notes)
    _emit(desk, _before_funding(desk, market, forecast, record, notes), notes)


def record_unused(desk: Desk, forecast: Forecast, reason: Reason) -> None:
    """The row of a close whose forecast nobody looks at: what is held stays held."""
    market = desk.market(forecast.symbol)
    if forecast.candle_open_ms <= market.decided_ms:
        return
    market.decided_ms = forecast.candle_open_ms
    desk.state.counters["decisions"] += 1
    notes = Notes(forecast)
    _emit(desk, _unasked(desk, _blank(desk, market, forecast), notes.refuses(GateName.INPUTS, reason)), notes)


def _emit(desk: Desk, record: DecisionRecord, notes: Notes) -> None:
    desk.emit(RecordDecision(msgspec.structs.replace(record, workings=notes.workings())))


def decision_id_for(ledger_id: str, symbol: str, candle_open_ms: int) -> str:
    """The same candle of the same ledger always gets the same id."""
    digest = hashlib.blake2b(f"{ledger_id}|{symbol}|{candle_open_ms}".encode(), digest_size=6)
    return f"d{digest.hexdigest()}"


def _update_regime(desk: Desk, market: Market, forecast: Forecast) -> None:
    regime = classify(forecast.context, market.regime, desk.settings_of(forecast.symbol).strategy)
    if regime is not market.regime:
        market.regime = regime
        desk.keep("regime", forecast.symbol, RegimeKept(regime))


def _decide(desk: Desk, market: Market, forecast: Forecast, notes: Notes) -> DecisionRecord:
    strategy, book = desk.strategies[forecast.symbol], market.book
    if standing.must_leave(desk, forecast.symbol):
        return _banned(desk, _blank(desk, market, forecast), notes)
    if forecast.symbol == desk.state.positions.hedge:
        hedged = notes.refuses(GateName.HEDGE, because(Code.HELD_AS_HEDGE))
        return _unasked(desk, _blank(desk, market, forecast), hedged)
    record, candles = _blank(desk, market, forecast), _candles(market, forecast, strategy)
    not_asked = _not_asked(desk, market, strategy, forecast, len(candles))
    if not_asked is not None or book is None:
        return _unasked(desk, record, notes.refuses(GateName.INPUTS, not_asked or because(Code.NO_BOOK)))
    notes.passes(GateName.INPUTS)
    view = _view(desk, market, book, forecast, candles, notes)
    proposal = _proposal(desk, strategy, view)
    record = msgspec.structs.replace(record, edge_bps=(proposal.edge_frac or 0.0) * BPS, cost_bps=view.cost_frac * BPS)
    if view.holding is not None:
        held = _hold_or_exit(desk, view.holding, proposal, record, notes)
        return _grown(desk, market, forecast, view, proposal, held, notes)
    _note(notes, proposal)
    reasons = blocked(desk, market, forecast, strategy, notes)
    if not isinstance(proposal, Enter):
        return _skip(record, *reasons, *proposal.reasons)
    if reasons:
        return _skip(record, *reasons)
    funding = funding_frac(desk, market, proposal.side, proposal.until_ms)
    return enter(desk, Opening(view, market, strategy, proposal, funding, notes), record)


def _note(notes: Notes, proposal: Proposal) -> None:
    """What the strategy asked on the way; of one that does not tell, whether it wants in."""
    if proposal.gates:
        notes.gates += proposal.gates
    elif isinstance(proposal, Enter | Keep) or not proposal.reasons:
        notes.passes(GateName.STRATEGY)
    else:
        notes.refuses(GateName.STRATEGY, proposal.reasons[0])


def _banned(desk: Desk, record: DecisionRecord, notes: Notes) -> DecisionRecord:
    """What is held where a person wants nothing held is closed, whatever the strategy would say."""
    held = desk.held(record.symbol)
    ask_exit(desk, record.symbol, abs(held), CloseReason.FLATTEN, Purpose.FLATTEN, is_urgent=True)
    side = Side.SELL if held > 0 else Side.BUY
    reasons = tuple(notes.refuses(GateName.BAN, said) for said in standing.said_reasons(desk, record.symbol))
    return msgspec.structs.replace(record, verdict=Verdict.EXIT, reasons=reasons, side=side)


def _not_asked(desk: Desk, market: Market, strategy: Strategy, forecast: Forecast, known: int) -> Reason | None:
    """Why the strategy has too little to go by at this close, or None."""
    model = desk.state.model.in_use
    if strategy.needs_forecast and model is None:
        return because(Code.NO_MODEL)
    if market.book is None:
        return because(Code.NO_BOOK)
    if strategy.needs_forecast and forecast.missing:
        return because(Code.NO_FORECAST, ", ".join(forecast.missing))
    if strategy.needs_forecast and model is not None and in_use.is_of_another(forecast, model):
        now = because(Code.MODEL_NOW, model.model_id)
        return because(Code.FORECAST_OF_ANOTHER, forecast.model_id, (now,))
    if strategy.candles > 1 and known < strategy.candles:
        return because(Code.TOO_FEW_CANDLES, known=known, needed=strategy.candles)
    return None


def _unasked(desk: Desk, record: DecisionRecord, reason: Reason) -> DecisionRecord:
    """The row of a close at which the strategy is not asked: what is held stays held."""
    held = desk.held(record.symbol)
    if not held:
        return _skip(record, reason)
    side = Side.BUY if held > 0 else Side.SELL
    return msgspec.structs.replace(record, verdict=Verdict.HOLD, reasons=(reason,), side=side)


def _proposal(desk: Desk, strategy: Strategy, view: View) -> Proposal:
    """What the strategy says; one that fails says nothing, and a person is told."""
    try:
        proposal: object = strategy.propose(view)
        if isinstance(proposal, Proposal):
            return proposal
        wrong = f"it returned {type(proposal).__name__}; allowed: Enter, Keep, Leave or Pass"
    except Exception as error:  # edge: a strategy may be anybody's code; what is held stays guarded  # noqa: BLE001
        wrong = f"{type(error).__name__}: {error}"
    desk.notify(Level.ALERT, "strategy.failed", f"{strategy.strategy_id}: {wrong}", symbol=view.symbol)
    return Pass(reasons=(because(Code.STRATEGY_FAILED, wrong),))


def _blank(desk: Desk, market: Market, forecast: Forecast) -> DecisionRecord:
    return DecisionRecord(
        decision_id=decision_id_for(desk.state.ledger_id, forecast.symbol, forecast.candle_open_ms),
        ts_ms=desk.now_ms,
        symbol=forecast.symbol,
        candle_open_ms=forecast.candle_open_ms,
        verdict=Verdict.SKIP,
        reasons=(),
        regime=market.regime or Regime.RANGE_BOUND,
        prediction=forecast.prediction,
        win_probability=forecast.win_probability,
        edge_bps=0.0,
        cost_bps=0.0,
        model_id=forecast.model_id,
        feature_hash=forecast.feature_hash,
        strategy_id=desk.strategies[forecast.symbol].strategy_id,
    )


def _view(
    desk: Desk, market: Market, book: Book, forecast: Forecast, candles: tuple[Candle, ...], notes: Notes
) -> View:
    assert market.regime is not None
    model = desk.state.model.in_use
    budget = standing.budget(desk, forecast.symbol)
    is_said = model is not None and not forecast.missing and not in_use.is_of_another(forecast, model)
    funding = _likely_funding_frac(desk, market, forecast if is_said else None)
    cost_frac = round_trip_cost_frac(market.instrument, book, funding_frac=funding)
    notes.touch, notes.costs = book, Costs(cost_frac, 2 * market.instrument.taker_fee_frac, funding)
    notes.bar_factor, notes.slope = budget.factor, model.slope if model is not None and is_said else None
    return View(
        symbol=forecast.symbol,
        now_ms=desk.now_ms,
        candle_open_ms=forecast.candle_open_ms,
        candle_close_ms=forecast.candle_close_ms,
        context=forecast.context,
        regime=market.regime,
        book=book,
        cost_frac=cost_frac,
        can_short=market.instrument.can_short,
        bar_factor=budget.factor,
        bar_reasons=budget.reasons,
        candles=candles,
        features=forecast.features,
        features_before=forecast.features_before,
        holding=_holding(desk, forecast.symbol),
        forecast=forecast if is_said else None,
        model=model if is_said else None,
    )


def _likely_funding_frac(desk: Desk, market: Market, forecast: Forecast | None) -> float:
    """Of the side that the forecast speaks for; without one of the dearer side."""
    if forecast is None:
        return max(funding_frac(desk, market, side) for side in Side)
    return funding_frac(desk, market, Side.SELL if forecast.prediction < 0 else Side.BUY)


def _candles(market: Market, forecast: Forecast, strategy: Strategy) -> tuple[Candle, ...]:
    """The newest candles up to the forecast's own, as many as the strategy asks for; none if its own is not there."""
    known = tuple(market.candles)
    if known and known[-1].open_ms > forecast.candle_open_ms:  # the forecast is late
        known = tuple(candle for candle in known if candle.open_ms <= forecast.candle_open_ms)
    is_there = bool(known) and known[-1].open_ms == forecast.candle_open_ms
    return known[-strategy.candles :] if is_there else ()


def _holding(desk: Desk, symbol: str) -> Holding | None:
    """What is held; dust counts as flat."""
    held = desk.held(symbol)
    if not held:
        return None
    plan, position = desk.state.positions.plans.get(symbol), desk.state.account.ledger.positions[symbol]
    entry_price, opened_ms = float(position.entry_price), position.opened_ms
    if plan is None:
        return Holding(Side.BUY if held > 0 else Side.SELL, abs(held), entry_price, opened_ms)
    until_ms = plan.horizon_end_ms if plan.horizon_end_ms < NEVER_MS else None
    left = _parts_left(desk, plan)
    return Holding(plan.side, abs(held), entry_price, opened_ms, plan.stop_price, until_ms, plan.strategy_id, left)


def _parts_left(desk: Desk, plan: PositionPlan) -> int:
    """How many parts may still be added; none once it began to be left, nor to what was there before its plan."""
    strategy, positions = desk.strategies[plan.symbol], desk.state.positions
    is_leaving = plan.partial_done or plan.trailing or plan.symbol in positions.exits
    if not strategy.builds_in_parts or is_leaving or plan.is_adopted or plan.strategy_id != strategy.strategy_id:
        return 0
    return max(0, desk.settings_of(plan.symbol).sizing.tranches - plan.parts)


def _grown(
    desk: Desk,
    market: Market,
    forecast: Forecast,
    view: View,
    proposal: Proposal,
    held: DecisionRecord,
    notes: Notes,
) -> DecisionRecord:
    """`held`, with one more part of the position where its strategy wants it; or why none is added."""
    wanted = proposal.add if isinstance(proposal, Keep) else None
    plan = desk.state.positions.plans.get(view.symbol)
    if wanted is None or plan is None or wanted.side is not plan.side or not _parts_left(desk, plan):
        return held
    strategy = desk.strategies[view.symbol]
    _note(notes, wanted)
    reasons = blocked(desk, market, forecast, strategy, notes)
    if not reasons:
        funding = funding_frac(desk, market, wanted.side, wanted.until_ms)
        added = enter(desk, Opening(view, market, strategy, wanted, funding, notes, plan), held)
        if added.verdict is Verdict.ENTER:
            return added
        reasons = added.reasons
    return msgspec.structs.replace(held, reasons=(*held.reasons, because(Code.NOT_ADDED, causes=reasons)))


def _hold_or_exit(
    desk: Desk, held: Holding, proposal: Proposal, record: DecisionRecord, notes: Notes
) -> DecisionRecord:
    """What comes of a proposal for a position that is held; while it is being closed or has no plan, nothing."""
    symbol = record.symbol
    record = msgspec.structs.replace(record, verdict=Verdict.HOLD, side=held.side)
    plan = desk.state.positions.plans.get(symbol)
    if plan is None or _is_being_closed(desk, symbol):
        unjudged = notes.refuses(GateName.JUDGED, _unjudged(desk, symbol))
        return msgspec.structs.replace(record, reasons=(unjudged,))
    _note(notes, proposal)
    if isinstance(proposal, Leave):
        ask_exit(desk, symbol, held.quantity, CloseReason.SIGNAL_TURNED, Purpose.EXIT)
        return msgspec.structs.replace(record, verdict=Verdict.EXIT, reasons=proposal.reasons, side=plan.side.opposite)
    if isinstance(proposal, Keep):
        _change(desk, plan, proposal)
    return msgspec.structs.replace(record, reasons=proposal.reasons)


def _at_horizon(desk: Desk, forecast: Forecast, record: DecisionRecord, notes: Notes) -> DecisionRecord:
    """A position whose horizon has ended with this close, and which nobody has extended, is left: judged once, here."""
    symbol = record.symbol
    plan = desk.state.positions.plans.get(symbol)
    if plan is None or _is_being_closed(desk, symbol) or forecast.candle_close_ms < plan.horizon_end_ms:
        return record
    ask_exit(desk, symbol, abs(desk.held(symbol)), CloseReason.HORIZON, Purpose.EXIT)
    reasons = (*record.reasons, notes.refuses(GateName.HORIZON, because(Code.HORIZON_ENDED)))
    return msgspec.structs.replace(record, verdict=Verdict.EXIT, reasons=reasons, side=plan.side.opposite)


def _before_funding(
    desk: Desk, market: Market, forecast: Forecast, record: DecisionRecord, notes: Notes
) -> DecisionRecord:
    """A perpetual that pays more funding before the next close than its edge is worth. A rule's edge nobody knows."""
    symbol, model = record.symbol, desk.state.model.in_use
    plan = desk.state.positions.plans.get(symbol)
    is_its_own = plan is not None and plan.strategy_id != HEDGE
    if plan is None or not is_its_own or _is_being_closed(desk, symbol) or not desk.strategies[symbol].needs_forecast:
        return record
    is_said = model is not None and not forecast.missing and not in_use.is_of_another(forecast, model)
    edge = calibrated_edge(forecast, model) * plan.side.sign if model is not None and is_said else 0.0
    next_close_ms = forecast.candle_close_ms + desk.candle_ms
    reason = due_reason(desk, market, plan.side, next_close_ms, edge)
    if reason is None:
        return record
    slicing_ms = desk.settings_of(symbol).execution.twap_duration_s * 1000
    quantity, is_urgent = abs(desk.held(symbol)), desk.candle_ms <= slicing_ms
    ask_exit(desk, symbol, quantity, CloseReason.FUNDING, Purpose.EXIT, is_urgent=is_urgent)
    due_frac = float(reason.numbers["funding_bps"]) / BPS
    reasons = (*record.reasons, notes.refuses(GateName.FUNDING, reason, due_frac, edge))
    return msgspec.structs.replace(record, verdict=Verdict.EXIT, reasons=reasons, side=plan.side.opposite)


def _is_being_closed(desk: Desk, symbol: str) -> bool:
    """Whether an exit of the whole position is under way; the rest of a partial one goes its own way."""
    leaving = desk.state.positions.exits.get(symbol)
    return leaving is not None and leaving.reason is not CloseReason.PARTIAL


def _unjudged(desk: Desk, symbol: str) -> Reason:
    """Why the strategy has no say about a position that is held."""
    positions = desk.state.positions
    if _is_being_closed(desk, symbol):
        return because(Code.EXIT_UNDER_WAY)
    if symbol in positions.tickets:
        return because(Code.ENTRY_UNDER_WAY)
    return because(Code.HELD_WITHOUT_PLAN, desk.settings.risk.startup_policy.value)


def _change(desk: Desk, plan: PositionPlan, kept: Keep) -> None:
    """The plan as the strategy wants it from now on."""
    if kept.until_ms is not None:
        plan = extend(plan, kept.until_ms)
        put_plan(desk, plan)
    if kept.stop_price is not None:
        nearer = tighten(plan, kept.stop_price)
        if nearer is not plan:
            put_plan(desk, nearer)
            protect(desk, plan.symbol)


def _skip(record: DecisionRecord, *reasons: Reason) -> DecisionRecord:
    return msgspec.structs.replace(record, reasons=reasons)
