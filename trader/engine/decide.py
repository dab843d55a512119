"""From a candle close to a decision: the strategy is asked, the gate and the plan have their say; one row each time."""

import hashlib

import msgspec

from trader.domain.decisions import RecordDecision
from trader.domain.instrument import Instrument
from trader.domain.market import Book, timeframe_ms
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import DecisionRecord, Forecast, ModelInfo, Verdict
from trader.engine import in_use
from trader.engine.admission import blocked
from trader.engine.desk import Desk
from trader.engine.exits import ask_exit
from trader.engine.opening import Opening, enter, put_plan
from trader.engine.state import Market, RegimeKept
from trader.execution.costs import round_trip_cost_frac
from trader.risk.exits import extend
from trader.strategy.proposal import Enter, Keep, Leave, Proposal
from trader.strategy.regime import classify
from trader.strategy.view import Holding, View

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
    desk.emit(RecordDecision(_decide(desk, market, forecast)))


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
    record = _blank(desk, market, forecast)
    model, book = desk.state.model, market.book
    if model is None or book is None:
        return _skip(record, because(Code.NO_MODEL if model is None else Code.NO_BOOK))
    if forecast.missing:
        verdict = Verdict.HOLD if desk.held(forecast.symbol) else Verdict.SKIP
        reason = because(Code.NO_FORECAST, ", ".join(forecast.missing))
        return msgspec.structs.replace(record, verdict=verdict, reasons=(reason,))
    if in_use.is_of_another(forecast, model):
        now = because(Code.MODEL_NOW, model.model_id)
        return _skip(record, because(Code.FORECAST_OF_ANOTHER, forecast.model_id, (now,)))
    view = _view(desk, market, book, forecast, model)
    proposal = desk.strategy.propose(view)
    record = msgspec.structs.replace(record, edge_bps=(proposal.edge_frac or 0.0) * 1e4, cost_bps=view.cost_frac * 1e4)
    if view.holding is not None:
        return _hold_or_exit(desk, view.holding, proposal, record)
    reasons = blocked(desk, market, forecast, model)
    if not isinstance(proposal, Enter):
        return _skip(record, *reasons, *proposal.reasons)
    if reasons:
        return _skip(record, *reasons)
    return enter(
        desk, Opening(view, market, forecast, model, proposal, _funding_frac(market.instrument, model)), record
    )


def _blank(desk: Desk, market: Market, forecast: Forecast) -> DecisionRecord:
    assert market.regime is not None
    return DecisionRecord(
        decision_id=decision_id_for(desk.state.ledger_id, forecast.symbol, forecast.candle_open_ms),
        ts_ms=desk.now_ms,
        symbol=forecast.symbol,
        candle_open_ms=forecast.candle_open_ms,
        verdict=Verdict.SKIP,
        reasons=(),
        regime=market.regime,
        prediction=forecast.prediction,
        win_probability=forecast.win_probability,
        edge_bps=0.0,
        cost_bps=0.0,
        model_id=forecast.model_id,
        feature_hash=forecast.feature_hash,
    )


def _view(desk: Desk, market: Market, book: Book, forecast: Forecast, model: ModelInfo) -> View:
    assert market.regime is not None
    return View(
        symbol=forecast.symbol,
        now_ms=desk.now_ms,
        candle_open_ms=forecast.candle_open_ms,
        candle_close_ms=forecast.candle_close_ms,
        context=forecast.context,
        regime=market.regime,
        book=book,
        cost_frac=round_trip_cost_frac(market.instrument, book, funding_frac=_funding_frac(market.instrument, model)),
        can_short=market.instrument.can_short,
        holding=_holding(desk, forecast.symbol),
        forecast=forecast,
        model=model,
    )


def _holding(desk: Desk, symbol: str) -> Holding | None:
    """What is held; dust counts as flat."""
    held = desk.held(symbol)
    if not held:
        return None
    plan, position = desk.state.plans.get(symbol), desk.state.ledger.positions.get(symbol)
    side = plan.side if plan is not None else Side.BUY if held > 0 else Side.SELL
    entry_price = float(position.entry_price) if position is not None else 0.0
    return Holding(side, abs(held), entry_price, plan.horizon_end_ms if plan is not None else None)


def _hold_or_exit(desk: Desk, held: Holding, proposal: Proposal, record: DecisionRecord) -> DecisionRecord:
    """What comes of a proposal for a position that is held; while it is being built or closed, nothing."""
    symbol = record.symbol
    plan = desk.state.plans.get(symbol)
    if plan is None or symbol in desk.state.exits:
        code = Code.EXIT_UNDER_WAY if symbol in desk.state.exits else Code.ENTRY_UNDER_WAY
        return msgspec.structs.replace(record, verdict=Verdict.HOLD, reasons=(because(code),))
    if isinstance(proposal, Leave):
        ask_exit(desk, symbol, held.quantity, "signal turned", Purpose.EXIT)
        return msgspec.structs.replace(record, verdict=Verdict.EXIT, reasons=proposal.reasons, side=plan.side.opposite)
    if isinstance(proposal, Keep) and proposal.until_ms is not None:
        put_plan(desk, extend(plan, proposal.until_ms))
    return msgspec.structs.replace(record, verdict=Verdict.HOLD, reasons=proposal.reasons, side=plan.side)


def _funding_frac(instrument: Instrument, model: ModelInfo) -> float:
    """What a perpetual may cost to hold over the horizon: either side may be the one that pays."""
    if not instrument.can_short:
        return 0.0
    return _FUNDING_FRAC * model.horizon_candles * timeframe_ms(model.timeframe) / _FUNDING_MS


def _skip(record: DecisionRecord, *reasons: Reason) -> DecisionRecord:
    return msgspec.structs.replace(record, reasons=reasons)
