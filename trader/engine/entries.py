"""From a forecast to a position: regime, signal, size, plan, review; one decision row whatever comes of it."""

import hashlib

import msgspec

from trader.domain.decisions import RecordDecision, TradingState
from trader.domain.events import StreamState
from trader.domain.instrument import Instrument
from trader.domain.market import Book, timeframe_ms
from trader.domain.orders import AlgorithmName, Order, Purpose, Side
from trader.domain.reasons import Code, Reason, because, of_stored
from trader.domain.signals import DecisionRecord, Forecast, HealthAction, ModelInfo, ModelVerdict, Signal, Verdict
from trader.engine import algorithms, in_use
from trader.engine.desk import Desk
from trader.engine.exits import ask_exit, forget
from trader.engine.protection import protect
from trader.engine.state import EntryTicket, Market, RegimeKept
from trader.execution.algorithms.state import AlgorithmState
from trader.execution.costs import round_trip_cost_frac
from trader.execution.planner import choose_algorithm
from trader.portfolio.valuation import open_risk_quote
from trader.risk.exits import extend
from trader.risk.stops import PositionPlan, barriers, horizon_sigma_frac, open_plan, with_entry
from trader.sizing.limits import Sized, SizingView, Unsized, size_position
from trader.strategy.regime import classify
from trader.strategy.signals import NoSignal, edge_holds, evaluate

# A forecast older than this many candles is about another market.
_MAX_AGE_CANDLES = 1.0
_LIQUIDATED_AT = 0.8  # share of a position's own margin whose loss comes near to its liquidation
_FUNDING_FRAC, _FUNDING_MS = 0.0001, 8 * 3_600_000  # the usual rate of perpetuals, and how often it is paid


def on_forecast(desk: Desk, forecast: Forecast) -> None:
    """Decide on one symbol at one candle close; once, also when a restart brings the candle again."""
    market = desk.market(forecast.symbol)
    market.context = forecast.context
    if forecast.candle_open_ms <= desk.state.decided_ms.get(forecast.symbol, -1):
        return
    desk.state.decided_ms[forecast.symbol] = forecast.candle_open_ms
    _update_regime(desk, market, forecast)
    desk.state.counters["decisions"] += 1
    record = _decide(desk, market, forecast)
    desk.emit(RecordDecision(record))


def on_entry_fill(desk: Desk, order: Order) -> None:
    """The position grew: its plan starts from the average entry price so far."""
    ticket = desk.state.tickets.get(order.symbol)
    position = desk.state.ledger.positions.get(order.symbol)
    if ticket is None or position is None:
        return
    plan = desk.state.plans.get(order.symbol)
    if plan is not None and plan.decision_id == ticket.decision_id:
        _put_plan(desk, with_entry(plan, float(position.entry_price)))
        return
    plan = open_plan(
        symbol=order.symbol,
        side=ticket.side,
        entry_price=float(position.entry_price),
        stop_frac=ticket.stop_frac,
        take_profit_frac=ticket.take_profit_frac,
        opened_ms=position.opened_ms,
        horizon_end_ms=ticket.horizon_end_ms,
        decision_id=ticket.decision_id,
        regime=ticket.regime,
    )
    _put_plan(desk, plan)


def on_entry_finished(desk: Desk, state: AlgorithmState) -> None:
    ticket = desk.state.tickets.get(state.symbol)
    if ticket is not None and ticket.parent_id == state.parent_id:
        del desk.state.tickets[state.symbol]
        desk.keep("ticket", state.symbol, None)
        protect(desk, state.symbol)


def forget_plan(desk: Desk, symbol: str) -> None:
    """The position is closed: nothing is left to plan, to sell or to protect."""
    if desk.state.plans.pop(symbol, None) is not None:
        desk.keep("plan", symbol, None)
    wanted = desk.state.exits.get(symbol)
    if wanted is not None and not wanted.parent_id:
        forget(desk, symbol)
    desk.state.stop_troubles.pop(symbol, None)


def decision_id_for(ledger_id: str, symbol: str, candle_open_ms: int) -> str:
    """The same candle of the same ledger always gets the same id."""
    digest = hashlib.blake2b(f"{ledger_id}|{symbol}|{candle_open_ms}".encode(), digest_size=6)
    return f"d{digest.hexdigest()}"


def _update_regime(desk: Desk, market: Market, forecast: Forecast) -> None:
    regime = classify(forecast.context, market.regime, desk.settings.strategy)
    if regime is not market.regime:
        market.regime = regime
        desk.keep("regime", forecast.symbol, RegimeKept(regime))


def _decide(desk: Desk, market: Market, forecast: Forecast) -> DecisionRecord:
    model, book, regime = desk.state.model, market.book, market.regime
    assert regime is not None
    record = DecisionRecord(
        decision_id=decision_id_for(desk.state.ledger_id, forecast.symbol, forecast.candle_open_ms),
        ts_ms=desk.now_ms,
        symbol=forecast.symbol,
        candle_open_ms=forecast.candle_open_ms,
        verdict=Verdict.SKIP,
        reasons=(),
        regime=regime,
        prediction=forecast.prediction,
        win_probability=forecast.win_probability,
        edge_bps=0.0,
        cost_bps=0.0,
        model_id=forecast.model_id,
        feature_hash=forecast.feature_hash,
    )
    if model is None or book is None:
        return _skip(record, because(Code.NO_MODEL if model is None else Code.NO_BOOK))
    if forecast.missing:
        verdict = Verdict.HOLD if desk.held(forecast.symbol) else Verdict.SKIP
        reason = because(Code.NO_FORECAST, ", ".join(forecast.missing))
        return msgspec.structs.replace(record, verdict=verdict, reasons=(reason,))
    if in_use.is_of_another(forecast, model):
        now = because(Code.MODEL_NOW, model.model_id)
        return _skip(record, because(Code.FORECAST_OF_ANOTHER, forecast.model_id, (now,)))
    cost = round_trip_cost_frac(market.instrument, book, funding_frac=_funding_frac(market.instrument, model))
    signal = evaluate(
        forecast, model, regime, cost, can_short=market.instrument.can_short, settings=desk.settings.strategy
    )
    edge_frac = signal.edge_frac
    record = msgspec.structs.replace(record, edge_bps=edge_frac * 1e4, cost_bps=cost * 1e4)
    if desk.held(forecast.symbol):
        return _hold_or_exit(desk, forecast, model, signal, cost, record)
    blocked = _blocked(desk, market, forecast, model)
    if isinstance(signal, NoSignal):
        return _skip(record, *blocked, *signal.reasons)
    if blocked:
        return _skip(record, *blocked)
    return _enter(desk, market, book, forecast, model, signal, record)


def _hold_or_exit(
    desk: Desk, forecast: Forecast, model: ModelInfo, signal: Signal | NoSignal, cost: float, record: DecisionRecord
) -> DecisionRecord:
    """With a position: close it when the model has turned, or extend it when its time is up and the edge holds."""
    symbol = forecast.symbol
    plan = desk.state.plans.get(symbol)
    if plan is None or symbol in desk.state.exits:
        code = Code.EXIT_UNDER_WAY if symbol in desk.state.exits else Code.ENTRY_UNDER_WAY
        return msgspec.structs.replace(record, verdict=Verdict.HOLD, reasons=(because(code),))
    against = signal.side is plan.side.opposite and signal.edge_frac >= cost
    if against:
        ask_exit(desk, symbol, abs(desk.held(symbol)), "signal turned", Purpose.EXIT)
        return msgspec.structs.replace(
            record, verdict=Verdict.EXIT, reasons=(because(Code.SIGNAL_TURNED),), side=plan.side.opposite
        )
    candle_ms = forecast.candle_close_ms - forecast.candle_open_ms
    holds = edge_holds(forecast, model, plan.side, cost, desk.settings.strategy)
    reasons = [because(Code.EDGE_HOLDS if holds else Code.EDGE_GONE)]
    if holds and plan.horizon_end_ms - desk.now_ms < 1.5 * candle_ms:
        _put_plan(desk, extend(plan, forecast.candle_close_ms + model.horizon_candles * candle_ms))
        reasons.append(because(Code.EXTENDED))
    return msgspec.structs.replace(record, verdict=Verdict.HOLD, reasons=tuple(reasons), side=plan.side)


def _blocked(desk: Desk, market: Market, forecast: Forecast, model: ModelInfo) -> tuple[Reason, ...]:
    """Every reason why nothing may be opened now, whatever the signal."""
    return (*_account_reasons(desk), *_market_reasons(desk, market, forecast), *_model_reasons(desk, model))


def _account_reasons(desk: Desk) -> list[Reason]:
    state, reasons = desk.state, list[Reason]()
    if not state.is_ready:
        reasons.append(because(Code.NOT_RECONCILED))
    if state.is_stopping:
        reasons.append(because(Code.SHUTTING_DOWN))
    if state.trading_state is not TradingState.ACTIVE:
        code = Code.HALTED if state.trading_state is TradingState.HALTED else Code.REDUCING
        reasons.append(because(code, causes=of_stored(state.trading_reasons)))
    return reasons


def _market_reasons(desk: Desk, market: Market, forecast: Forecast) -> list[Reason]:
    symbol, reasons = forecast.symbol, list[Reason]()
    if market.stream is not StreamState.LIVE:
        code = Code.DATA_GAP if market.stream is StreamState.GAP else Code.DATA_STALE
        reasons.append(because(code, market.stream_reason))
    age_ms = desk.now_ms - forecast.candle_close_ms
    if age_ms > _MAX_AGE_CANDLES * (forecast.candle_close_ms - forecast.candle_open_ms):
        reasons.append(because(Code.FORECAST_OLD, age_s=age_ms / 1000))
    if symbol in desk.state.tickets:
        reasons.append(because(Code.ENTRY_UNDER_WAY))
    if desk.state.tracker.unknown_in(symbol):
        reasons.append(because(Code.ORDER_UNKNOWN))
    return reasons


def _model_reasons(desk: Desk, model: ModelInfo) -> list[Reason]:
    reasons = []
    if desk.settings.model.gate == "enforce" and model.verdict is not ModelVerdict.TRADE:
        reasons.append(because(Code.MODEL_OBSERVES, causes=model.reasons))
    if in_use.action_of(desk) is HealthAction.OBSERVE:
        reasons.append(because(Code.MODEL_DRIFTED, causes=in_use.reasons_of(desk)))
    return reasons


def _enter(
    desk: Desk,
    market: Market,
    book: Book,
    forecast: Forecast,
    model: ModelInfo,
    signal: Signal,
    record: DecisionRecord,
) -> DecisionRecord:
    stop_frac, profit_frac = _barriers(desk, forecast, model, signal)
    sized = _size(desk, market, book, forecast, model, signal, stop_frac)
    if isinstance(sized, Unsized):
        return _skip(record, sized.reason)
    symbol, side, quantity = signal.symbol, signal.side, sized.quantity
    algorithm, impact = choose_algorithm(book, side, quantity, desk.settings.execution)
    cost = _cost_with_impact(desk, market.instrument, book, algorithm, impact, _funding_frac(market.instrument, model))
    if signal.edge_frac < cost:
        edge_bps, cost_bps = signal.edge_frac * 1e4, cost * 1e4
        return _skip(record, because(Code.EDGE_BELOW_IMPACT, edge_bps=edge_bps, cost_bps=cost_bps))
    too_much = _too_correlated(desk, symbol, sized)
    if too_much is not None:
        return _skip(record, too_much)
    ticket = EntryTicket(
        symbol=symbol,
        side=side,
        parent_id=record.decision_id,
        decision_id=record.decision_id,
        regime=signal.regime,
        stop_frac=stop_frac,
        take_profit_frac=profit_frac,
        horizon_end_ms=forecast.candle_close_ms + model.horizon_candles * timeframe_ms(model.timeframe),
    )
    desk.state.tickets[symbol] = ticket
    desk.keep("ticket", symbol, ticket)
    desk.state.counters["entries"] += 1
    algorithms.start_algorithm(
        desk,
        parent_id=record.decision_id,
        decision_id=record.decision_id,
        symbol=symbol,
        side=side,
        purpose=Purpose.ENTRY,
        quantity=quantity,
        algorithm=algorithm,
    )
    return msgspec.structs.replace(
        record,
        verdict=Verdict.ENTER,
        reasons=(
            *map(because, signal.confirmations),
            *sized.limits,
            *in_use.size_reasons(desk),
            because(Code.IMPACT, impact_bps=impact * 1e4),
        ),
        side=side,
        quantity=quantity,
        algorithm=algorithm,
        parent_id=record.decision_id,
    )


def _funding_frac(instrument: Instrument, model: ModelInfo) -> float:
    """What a perpetual may cost to hold over the horizon: either side may be the one that pays."""
    if not instrument.can_short:
        return 0.0
    return _FUNDING_FRAC * model.horizon_candles * timeframe_ms(model.timeframe) / _FUNDING_MS


def _cost_with_impact(
    desk: Desk, instrument: Instrument, book: Book, algorithm: AlgorithmName, impact: float, funding_frac: float
) -> float:
    """Round trip with the impact of this quantity: slices pay a slice's share of it, a resting order none."""
    per_order = impact / desk.settings.execution.twap_slices if algorithm is AlgorithmName.TWAP else impact
    if algorithm is AlgorithmName.LIMIT:
        per_order = min(impact, desk.settings.execution.twap_above_frac) / 2  # only the way out pays, half on average
    return round_trip_cost_frac(
        instrument, book, maker_entry=algorithm is AlgorithmName.LIMIT, impact_frac=per_order, funding_frac=funding_frac
    )


def _barriers(desk: Desk, forecast: Forecast, model: ModelInfo, signal: Signal) -> tuple[float, float]:
    context = forecast.context
    horizon_ms = model.horizon_candles * timeframe_ms(model.timeframe)
    return barriers(
        atr_frac=context.atr_14 / context.close,
        regime_stop_frac=signal.stop_frac,
        regime_take_profit_frac=signal.take_profit_frac,
        horizon_sigma_frac=horizon_sigma_frac(context.hist_vol_20, horizon_ms),
        settings=desk.settings.risk,
    )


def _size(
    desk: Desk,
    market: Market,
    book: Book,
    forecast: Forecast,
    model: ModelInfo,
    signal: Signal,
    stop_frac: float,
) -> Sized | Unsized:
    state = desk.state
    if state.equity is None:
        return Unsized(because(Code.EQUITY_UNKNOWN))
    opening = desk.opening()
    leverage = desk.leverage(forecast.symbol)
    if stop_frac * leverage >= _LIQUIDATED_AT and desk.settings.exchange.margin_mode == "isolated":
        return Unsized(because(Code.STOP_BEYOND_LIQUIDATION, leverage=leverage, stop_frac=stop_frac))
    unplaced = sum(v / desk.leverage(s) for s, v in opening.items()) - desk.reserved_quote(market.instrument.quote)
    pending = [(value, state.tickets[s].stop_frac) for s, value in opening.items() if s in state.tickets]
    view = SizingView(
        equity=state.equity.equity,
        free_quote=desk.free_quote(market.instrument.quote) - max(0.0, unplaced),
        exposure_quote=state.equity.exposure + sum(opening.values()),
        open_risk_quote=open_risk_quote(state.plans.values(), state.ledger.positions, pending=pending),
        position_count=len(state.plans) + len(state.tickets.keys() - state.plans.keys()),
        price=_approval_price(desk, book, signal.side),
        stop_frac=stop_frac,
        atr_frac=forecast.context.atr_14 / forecast.context.close,
        shrink=in_use.size_share(desk),
        leverage=leverage,
    )
    return size_position(signal, forecast, model, view, market.instrument, desk.settings.sizing)


def _approval_price(desk: Desk, book: Book, side: Side) -> float:
    """The worst price an entry may pay: what fits at it passes the review whatever algorithm sends it."""
    through = desk.settings.execution.protected_market_frac
    return book.ask * (1 + through) if side is Side.BUY else book.bid


def _too_correlated(desk: Desk, symbol: str, sized: Sized) -> Reason | None:
    assert desk.state.equity is not None
    together = desk.correlated_quote(symbol) + sized.notional
    most = desk.settings.risk.correlated_exposure_frac * desk.state.equity.equity
    if together <= most:
        return None
    quote = desk.market(symbol).instrument.quote
    return because(Code.CORRELATED_EXPOSURE, quote, together_quote=together, most_quote=most)


def _put_plan(desk: Desk, plan: PositionPlan) -> None:
    desk.state.plans[plan.symbol] = plan
    desk.keep("plan", plan.symbol, plan)


def _skip(record: DecisionRecord, *reasons: Reason) -> DecisionRecord:
    return msgspec.structs.replace(record, reasons=reasons)
