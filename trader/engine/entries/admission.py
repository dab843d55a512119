"""Whether anything may be opened: the account's state, the market's data, the model's standing, what moves together."""

from trader.domain.decisions import TradingState
from trader.domain.events import StreamState
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, HealthAction, ModelVerdict
from trader.domain.workings import Asked, GateName, passed
from trader.engine.desk import Desk
from trader.engine.guards import in_use, standing
from trader.engine.state import Market
from trader.risk.suitability import unsuitable
from trader.strategy.base import Strategy

# what has nothing against it is noted together: closes of many symbols come at once
_ACCOUNT_CLEAR = passed(GateName.RECONCILED, GateName.STOPPING, GateName.TRADING)
_POSITION_CLEAR = passed(GateName.ENTRY, GateName.UNKNOWN, GateName.LEFT)
_STANDING_CLEAR = passed(GateName.OVERRIDE, GateName.LOCK)
_MODEL_CLEAR = passed(GateName.EVIDENCE, GateName.DRIFT)


def blocked(desk: Desk, market: Market, forecast: Forecast, strategy: Strategy, asked: Asked) -> tuple[Reason, ...]:
    """Every reason why nothing may be opened now, whatever the signal; what was asked is noted in `asked`."""
    return (
        *_account_reasons(desk, asked),
        *_market_reasons(desk, market, forecast, asked),
        *_standing_reasons(desk, forecast.symbol, asked),
        *_evidence_reasons(desk, strategy, asked),
    )


def _account_reasons(desk: Desk, asked: Asked) -> list[Reason]:
    state, trading = desk.state, desk.state.guard.breakers
    is_active = trading.trading_state is TradingState.ACTIVE
    if state.account.is_reconciled and not state.is_stopping and is_active:
        asked.gates += _ACCOUNT_CLEAR
        return []
    reasons: list[Reason] = []
    if not state.account.is_reconciled:
        reasons.append(asked.refuses(GateName.RECONCILED, because(Code.NOT_RECONCILED)))
    if state.is_stopping:
        reasons.append(asked.refuses(GateName.STOPPING, because(Code.SHUTTING_DOWN)))
    if not is_active:
        code = Code.HALTED if trading.trading_state is TradingState.HALTED else Code.REDUCING
        reasons.append(asked.refuses(GateName.TRADING, because(code, causes=trading.reasons)))
    return reasons


def _market_reasons(desk: Desk, market: Market, forecast: Forecast, asked: Asked) -> list[Reason]:
    settings = desk.settings_of(forecast.symbol).strategy
    reasons: list[Reason] = []
    if market.stream is StreamState.LIVE:
        asked.passes(GateName.DATA)
    else:
        code = Code.DATA_GAP if market.stream is StreamState.GAP else Code.DATA_STALE
        reasons.append(asked.refuses(GateName.DATA, because(code, market.stream_reason)))
    age_ms, candle_ms = desk.now_ms - forecast.candle_close_ms, forecast.candle_close_ms - forecast.candle_open_ms
    most_ms = settings.max_forecast_age_candles * candle_ms
    if age_ms > most_ms:
        old = because(Code.FORECAST_OLD, age_s=age_ms / 1000)
        reasons.append(asked.refuses(GateName.AGE, old, age_ms / 1000, most_ms / 1000))
    else:
        asked.meets(GateName.AGE, age_ms / 1000, most_ms / 1000)
    if market.book is not None:
        atr, day_quote = forecast.context.atr_14, market.turnover.day_quote
        reasons += unsuitable(market.instrument, market.book, atr, day_quote, settings, asked)
    return reasons + _position_reasons(desk, forecast, asked)


def _position_reasons(desk: Desk, forecast: Forecast, asked: Asked) -> list[Reason]:
    """What is kept for something else, is under way in the symbol, or was a moment ago."""
    symbol = forecast.symbol
    reasons: list[Reason] = []
    if symbol == desk.settings.risk.hedge_symbol:
        reasons.append(asked.refuses(GateName.HEDGE, because(Code.KEPT_FOR_HEDGE)))
    if symbol in desk.state.positions.tickets:
        reasons.append(asked.refuses(GateName.ENTRY, because(Code.ENTRY_UNDER_WAY)))
    if desk.state.orders.tracker.unknown_in(symbol):
        reasons.append(asked.refuses(GateName.UNKNOWN, because(Code.ORDER_UNKNOWN)))
    if standing.was_left_since(desk, symbol, forecast.candle_close_ms):
        reasons.append(asked.refuses(GateName.LEFT, because(Code.LEFT_AT_THIS_CLOSE)))
    if not reasons:
        asked.gates += _POSITION_CLEAR
    return reasons


def _standing_reasons(desk: Desk, symbol: str, asked: Asked) -> list[Reason]:
    """What people have said of the symbol, and locks that follow from its trades."""
    forbidden, locked = standing.forbidden(desk, symbol), standing.locks(desk, symbol)
    if not forbidden and not locked:
        asked.gates += _STANDING_CLEAR
        return []
    reasons = [asked.refuses(GateName.OVERRIDE, said) for said in forbidden]
    return reasons + [asked.refuses(GateName.LOCK, lock.reason) for lock in locked]


def _evidence_reasons(desk: Desk, strategy: Strategy, asked: Asked) -> list[Reason]:
    """Real money needs evidence: a model's is its test, a rule's the record of its trades."""
    is_enforced, model = desk.settings.model.gate == "enforce", desk.state.model.in_use
    if not strategy.needs_forecast:
        lacking = standing.evidence_reasons(desk, strategy.strategy_id) if is_enforced else []
        if not lacking:
            asked.passes(GateName.EVIDENCE)
        return [asked.refuses(GateName.EVIDENCE, reason) for reason in lacking]
    reasons: list[Reason] = []
    if is_enforced and model is not None and model.verdict is not ModelVerdict.TRADE:
        reasons.append(asked.refuses(GateName.EVIDENCE, because(Code.MODEL_OBSERVES, causes=model.reasons)))
    if in_use.action_of(desk) is HealthAction.OBSERVE:
        reasons.append(asked.refuses(GateName.DRIFT, because(Code.MODEL_DRIFTED, causes=in_use.reasons_of(desk))))
    if not reasons:
        asked.gates += _MODEL_CLEAR
    return reasons


def beyond_liquidation(desk: Desk, symbol: str, stop_frac: float) -> Reason | None:
    """A stop that an isolated position would not live to see."""
    leverage, survived_frac = desk.leverage(symbol), desk.settings_of(symbol).risk.liquidation_loss_frac
    if desk.settings.exchange.margin_mode != "isolated" or stop_frac * leverage < survived_frac:
        return None
    return because(Code.STOP_BEYOND_LIQUIDATION, leverage=leverage, stop_frac=stop_frac)
