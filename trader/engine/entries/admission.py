"""Whether anything may be opened: the account's state, the market's data, the model's standing, what moves together."""

from trader.domain.decisions import TradingState
from trader.domain.events import StreamState
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, HealthAction, ModelVerdict
from trader.engine.desk import Desk
from trader.engine.guards import in_use, standing
from trader.engine.state import Market
from trader.risk.suitability import unsuitable
from trader.strategy.base import Strategy


def blocked(desk: Desk, market: Market, forecast: Forecast, strategy: Strategy) -> tuple[Reason, ...]:
    """Every reason why nothing may be opened now, whatever the signal."""
    return (
        *_account_reasons(desk),
        *_market_reasons(desk, market, forecast),
        *standing.reasons(desk, forecast.symbol),
        *_evidence_reasons(desk, strategy),
    )


def _account_reasons(desk: Desk) -> list[Reason]:
    state = desk.state
    reasons: list[Reason] = []
    if not state.account.is_reconciled:
        reasons.append(because(Code.NOT_RECONCILED))
    if state.is_stopping:
        reasons.append(because(Code.SHUTTING_DOWN))
    trading = state.guard.breakers
    if trading.trading_state is not TradingState.ACTIVE:
        code = Code.HALTED if trading.trading_state is TradingState.HALTED else Code.REDUCING
        reasons.append(because(code, causes=trading.reasons))
    return reasons


def _market_reasons(desk: Desk, market: Market, forecast: Forecast) -> list[Reason]:
    symbol = forecast.symbol
    reasons: list[Reason] = []
    if market.stream is not StreamState.LIVE:
        code = Code.DATA_GAP if market.stream is StreamState.GAP else Code.DATA_STALE
        reasons.append(because(code, market.stream_reason))
    age_ms, candle_ms = desk.now_ms - forecast.candle_close_ms, forecast.candle_close_ms - forecast.candle_open_ms
    if age_ms > desk.settings_of(symbol).strategy.max_forecast_age_candles * candle_ms:
        reasons.append(because(Code.FORECAST_OLD, age_s=age_ms / 1000))
    if market.book is not None:
        atr, day_quote = forecast.context.atr_14, market.turnover.day_quote
        reasons += unsuitable(market.instrument, market.book, atr, day_quote, desk.settings_of(symbol).strategy)
    if symbol == desk.settings.risk.hedge_symbol:
        reasons.append(because(Code.KEPT_FOR_HEDGE))
    if symbol in desk.state.positions.tickets:
        reasons.append(because(Code.ENTRY_UNDER_WAY))
    if desk.state.orders.tracker.unknown_in(symbol):
        reasons.append(because(Code.ORDER_UNKNOWN))
    if standing.was_left_since(desk, symbol, forecast.candle_close_ms):
        reasons.append(because(Code.LEFT_AT_THIS_CLOSE))
    return reasons


def _evidence_reasons(desk: Desk, strategy: Strategy) -> list[Reason]:
    """Real money needs evidence: a model's is its test, a rule's the record of its trades."""
    is_enforced, model = desk.settings.model.gate == "enforce", desk.state.model.in_use
    if not strategy.needs_forecast:
        return standing.evidence_reasons(desk, strategy.strategy_id) if is_enforced else []
    reasons: list[Reason] = []
    if is_enforced and model is not None and model.verdict is not ModelVerdict.TRADE:
        reasons.append(because(Code.MODEL_OBSERVES, causes=model.reasons))
    if in_use.action_of(desk) is HealthAction.OBSERVE:
        reasons.append(because(Code.MODEL_DRIFTED, causes=in_use.reasons_of(desk)))
    return reasons


def beyond_liquidation(desk: Desk, symbol: str, stop_frac: float) -> Reason | None:
    """A stop that an isolated position would not live to see."""
    leverage, survived_frac = desk.leverage(symbol), desk.settings_of(symbol).risk.liquidation_loss_frac
    if desk.settings.exchange.margin_mode != "isolated" or stop_frac * leverage < survived_frac:
        return None
    return because(Code.STOP_BEYOND_LIQUIDATION, leverage=leverage, stop_frac=stop_frac)
