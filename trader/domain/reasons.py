"""Why something was decided, refused or stopped: a code with its numbers. Text is made where a person reads it."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

import msgspec


class Code(StrEnum):
    """Every reason there is, with its text: the names in braces are those of its numbers, `about` and `causes`."""

    text: str

    def __new__(cls, value: str, text: str) -> Self:
        """A code that knows its text."""
        member = str.__new__(cls, value)
        member._value_, member.text = value, text
        return member

    TOLD = "told", "{about}"  # a sentence as it was stored by a version that knew no codes

    # account and trading state
    NOT_RECONCILED = "not_reconciled", "account not reconciled yet"
    SHUTTING_DOWN = "shutting_down", "shutting down"
    PAUSED = "paused", "paused by command"
    KILLED = "killed", "killed by command"
    EVENT_FAILED = "event_failed", "could not be handled: {about}"
    INVARIANT_BROKEN = "invariant_broken", "invariant broken: {about}"
    UNPLANNED_POSITION = "unplanned_position", "{quantity_base} {about} has no plan; policy halt"
    DAILY_LOSS = "daily_loss", "daily loss {loss_frac:.1%}, at most {most_frac:.1%}"
    DRAWDOWN = "drawdown", "drawdown {loss_frac:.1%}, at most {most_frac:.1%}"
    LOSSES_IN_A_ROW = "losses_in_a_row", "{losses:.0f} losses in a row"
    NOT_VALUED = "not_valued", "equity is not known"
    UNPRICED = "unpriced", "no price of {about}, of which something is held"
    ACCOUNT_NOT_LIVE = "account_not_live", "account stream is not live"
    ALL_DATA_STALE = "all_data_stale", "market data is stale"
    TOO_MANY_ERRORS = "too_many_errors", "{errors:.0f} errors in a minute, at most {most_errors:.0f}"
    CLOCK_OFF = "clock_off", "clock {offset_ms:+.0f} ms from the exchange's, at most {most_ms:.0f} ms"
    REDUCING = "trading_reducing", "trading is reducing: {causes}"
    HALTED = "trading_halted", "trading is halted: {causes}"
    EQUITY_UNKNOWN = "equity_unknown", "equity is not known yet"
    EQUITY_NOT_POSITIVE = "equity_not_positive", "equity {equity_quote:.2f} is not above 0"

    # market data
    NO_BOOK = "no_book", "no book yet"
    BOOK_UNUSABLE = "book_unusable", "book cannot be used: {about}"
    DATA_STALE = "data_stale", "market data stale: {about}"
    DATA_GAP = "data_gap", "market data gap: {about}"

    # the forecast and its model
    NO_MODEL = "no_model", "no model"
    NO_FORECAST = "no_forecast", "no forecast: {about} missing"
    FORECAST_UNUSABLE = "forecast_unusable", "forecast cannot be used: {about}"
    DECISION_FAILED = "decision_failed", "deciding failed: {about}"
    FORECAST_OF_ANOTHER = "forecast_of_another", "forecast of {about}, {causes}"
    MODEL_NOW = "model_now", "the model is {about} now"
    FORECAST_OLD = "forecast_old", "forecast is {age_s:.0f} s old"
    MODEL_OBSERVES = "model_observes", "model only observes ({causes})"
    MODEL_DRIFTED = "model_drifted", "model drifted: {causes}"
    HALF_SIZE = "half_size", "half size: {causes}"

    # the signal
    PREDICTION_NOT_FINITE = "prediction_not_finite", "prediction is not finite"
    PREDICTION_ZERO = "prediction_zero", "prediction is zero"
    MODEL_WITHOUT_EDGE = "model_without_edge", "model has no edge over the base rate"
    SLOPE_NOT_POSITIVE = "slope_not_positive", "model slope {slope:.2f} is not positive"
    EDGE_BELOW_BAR = "edge_below_bar", "edge {edge_bps:.1f}bp < needed {needed_bps:.1f}bp"
    EDGE_BELOW_IMPACT = "edge_below_impact", "edge {edge_bps:.1f}bp < {cost_bps:.1f}bp with impact"
    REGIME_WANTS_LONG = "regime_wants_long", "regime {about} wants long"
    REGIME_WANTS_SHORT = "regime_wants_short", "regime {about} wants short"
    NOT_CONFIRMED = "not_confirmed", "no confirmation ({about})"
    EMA_CROSSED = "ema_crossed", "EMA {fast:.0f} crossed above EMA {slow:.0f}"
    EMA_NOT_CROSSED = "ema_not_crossed", "EMA {fast:.0f} has not crossed above EMA {slow:.0f}"
    EMA_ABOVE = "ema_above", "EMA {fast:.0f} is above EMA {slow:.0f}"
    EMA_BELOW = "ema_below", "EMA {fast:.0f} is below EMA {slow:.0f}"
    RSI_HIGH = "rsi_high", "RSI {rsi:.1f} is not below {most:.0f}"
    SAID = "said", "{about}"  # by a strategy of one's own, in its words
    STRATEGY_FAILED = "strategy_failed", "strategy failed: {about}"
    STRATEGY_WITHOUT_EVIDENCE = (
        "strategy_without_evidence",
        "strategy {about} only observes ({causes})",
    )
    TOO_FEW_CANDLES = "too_few_candles", "{known:.0f} candles without a hole, the strategy asks for {needed:.0f}"
    MA_CROSSOVER = "ma_crossover", "ma_crossover"
    RSI_DIP = "rsi_dip", "rsi_dip"
    RSI_PEAK = "rsi_peak", "rsi_peak"
    RSI_EXTREME = "rsi_extreme", "rsi_extreme"
    BOLLINGER_EXTREME = "bollinger_extreme", "bollinger_extreme"
    ATR_EXPANSION = "atr_expansion", "atr_expansion"
    VOLUME = "volume", "volume"
    BREAKOUT = "breakout", "breakout"
    SQUEEZE = "squeeze", "squeeze"
    VOLUME_SPIKE = "volume_spike", "volume_spike"

    COST_BUDGET = (
        "cost_budget",
        "costs took {share:.0%} of the gross of {trades:.0f} trades, at most {most:.0%}: bar x {factor:.2f}",
    )

    # whether a symbol is worth trading
    THIN_VOLUME = "thin_volume", "only observed: {day_quote:,.0f} {about} traded a day, at least {least_quote:,.0f}"
    WIDE_SPREAD = "wide_spread", "only observed: spread {spread_bps:.1f}bp, at most {most_bps:.1f}bp"
    COARSE_TICK = "coarse_tick", "only observed: a tick is {share:.2f} ATR, at most {most:.2f}"

    # a symbol, or all, left alone for a while
    OVERRIDDEN = "overridden", "override: {about}"
    COOLDOWN = "cooldown", "stopped out: locked for {left:.0f} more candles"
    STOP_GUARD = (
        "stop_guard",
        "{stops:.0f} stops within {window:.0f} candles: {about} locked for {left:.0f} more candles",
    )
    LOSS_GUARD = (
        "loss_guard",
        "{trades:.0f} trades within {window:.0f} candles made {return_frac:+.2%}: locked for {left:.0f} more candles",
    )

    # a position that is held, or about to be
    ENTRY_UNDER_WAY = "entry_under_way", "entry under way"
    EXIT_UNDER_WAY = "exit_under_way", "exit under way"
    HORIZON_ENDED = "horizon_ended", "its horizon has ended"
    LEFT_AT_THIS_CLOSE = "left_at_this_close", "left since this close"
    FUNDING_ABOVE_EDGE = (
        "funding_above_edge",
        "funding of {funding_bps:.1f}bp is due, the edge is {edge_bps:.1f}bp",
    )
    HELD_WITHOUT_PLAN = "held_without_plan", "the position has no plan; risk.startup_policy is {about}"
    HELD_AS_HEDGE = "held_as_hedge", "it hedges the other positions"
    KEPT_FOR_HEDGE = "kept_for_hedge", "risk.hedge_symbol keeps it for the hedge"
    HEDGE_IMPOSSIBLE = (
        "hedge_impossible",
        "no hedge: {about} cannot be sold short, and risk.hedge_symbol names no inverse",
    )
    HEDGE_WEAK = "hedge_weak", "no hedge: {about} moves only {beta:.2f} times as the leader does"
    HEDGE_TAKEN = "hedge_taken", "no hedge: a strategy holds {about}; risk.hedge_symbol keeps one for it"
    HEDGE_BETA_UNKNOWN = "hedge_beta_unknown", "no hedge: how {about} moves with the leader is not known yet"
    ORDER_UNKNOWN = "order_unknown", "an order of unknown outcome"
    SIGNAL_TURNED = "signal_turned", "signal turned"
    EDGE_HOLDS = "edge_holds", "edge holds"
    EDGE_GONE = "edge_gone", "edge gone, waiting for the exits"
    EXTENDED = "extended", "extended by a horizon"
    PART = "part", "part {part:.0f} of {parts:.0f}"
    NOT_ADDED = "not_added", "no part added ({causes})"
    IMPACT = "impact", "impact {impact_bps:.1f}bp"
    BEYOND_BOOK = "beyond_book", "more than the book shows"

    # the size
    PRICE_OR_STOP_UNUSABLE = (
        "price_or_stop_unusable",
        "price {price_quote} and stop distance {stop_frac} must be above 0",
    )
    STOP_TOO_WIDE = "stop_too_wide", "stop {stop_frac:.1%} away, at most {most_frac:.1%}"
    ATR_UNAVAILABLE = "atr_unavailable", "ATR {atr_frac} is not available"
    TOO_MANY_POSITIONS = "too_many_positions", "{positions:.0f} positions open, at most {most:.0f}"
    NO_TRACK_RECORD = "no_track_record", "the model has no record of wins and losses"
    KELLY_WITHOUT_EDGE = "kelly_without_edge", "kelly: no edge at win probability {win_probability:.2f}"
    KELLY_UNPROVEN = (
        "kelly_unproven",
        "kelly: no edge at {low:.2f}, the lower bound of win probability {win_probability:.2f}",
    )
    KELLY_WITHOUT_FORECAST = (
        "kelly_without_forecast",
        "kelly: no forecast says how likely a win is; set sizing.rule: fixed",
    )
    STOP_BEYOND_LIQUIDATION = (
        "stop_beyond_liquidation",
        "at leverage {leverage:g} a stop {stop_frac:.1%} away would come after the liquidation",
    )
    CAP_ORDER = "cap_order", "order_notional"
    CAP_POSITION_NOTIONAL = "cap_position_notional", "position_notional"
    CAP_POSITION_RISK = "cap_position_risk", "position_risk"
    CAP_PORTFOLIO_RISK = "cap_portfolio_risk", "portfolio_risk"
    CAP_EXPOSURE = "cap_exposure", "exposure"
    CAP_CORRELATED = "cap_correlated", "correlated_exposure"
    CAP_FREE_BALANCE = "cap_free_balance", "free_balance"
    CAP_LIQUIDATION = "cap_liquidation", "liquidation"
    CAP_MAX_QUANTITY = "cap_max_quantity", "max_quantity"
    CAP_BOOK = "cap_book", "book_depth"
    OVERLAY_VOLATILITY = "overlay_volatility", "portfolio volatility {value:.0%}, at most {most:.0%}"
    OVERLAY_SHOCKED = "overlay_shocked", "portfolio volatility {value:.0%} in a shock, at most {most:.0%}"
    OVERLAY_STACKED = "overlay_stacked", "portfolio volatility {value:.0%} if all moved as one, at most {most:.0%}"
    OVERLAY_GROSS = "overlay_gross", "portfolio {value:.2f} of equity, at most {most:.2f}"

    # what a model lacks to trade real money
    ACTIVE_DAYS = "active_days", "active_days {days:.0f}<{least:.0f}"
    EFFECTIVE_DAYS = "effective_days", "effective_days {days:.0f}<{least:.0f}"
    REGIMES = "regimes", "regimes {regimes:.0f}<{least:.0f}"
    SLOPE_T = "slope_t", "slope_t {slope_t:.1f}<{least:.1f}"
    NET_LOW = "net_low", "net_low_bps {net_bps:.1f}<=0"
    NET_LOW_UNKNOWN = "net_low_unknown", "net_low_bps none<=0"
    NET_LOW_WITHOUT_BEST = "net_low_without_best", "net_low_without_best_{left_out:.0f}_bps {net_bps:.1f}<=0"
    NET_LOW_WITHOUT_BEST_UNKNOWN = "net_low_without_best_unknown", "net_low_without_best_{left_out:.0f}_bps none<=0"
    RECENT_NET = "recent_net", "recent_net_bps {net_bps:.1f}<0"
    NO_EDGE = "no_edge", "no_edge"
    LEAK_ALARM = "leak_alarm", "leak_alarm {about} {value:.3f}>{most}"
    SYNTHETIC = "synthetic", "synthetic"

    NO_TRADES = "no_trades", "no closed trade on record"
    COST_SHARE = "cost_share", "costs_of_gross {share:.2f}>{most:.2f}"

    # how a model in use has drifted
    CALIBRATION_DRIFT = "calibration_drift", "calibration_t {t:.1f}<={least:.1f}"
    FEATURE_DRIFT = "feature_drift", "feature_drift {share:.0%}>{most:.0%}"
    PREDICTION_DRIFT = "prediction_drift", "prediction_drift {index:.2f}>{most:.2f}"

    # what an exchange takes
    BELOW_MIN_QUANTITY = "below_min_quantity", "quantity {quantity_base} below minimum {least_base} {about}"
    ABOVE_MAX_QUANTITY = "above_max_quantity", "quantity {quantity_base} above maximum {most_base} {about}"
    OFF_QUANTITY_STEP = "off_quantity_step", "quantity {quantity_base} not on step {step_base}"
    OFF_PRICE_TICK = "off_price_tick", "price {price_quote} not on tick {tick_quote}"
    BELOW_MIN_NOTIONAL = "below_min_notional", "notional {notional_quote} below minimum {least_quote} {about}"

    # the review before an order is sent
    MALFORMED_CLIENT_ID = "malformed_client_id", "client id {about!r} is not 1 to 36 characters of A-Z a-z 0-9 -"
    REPEATED_CLIENT_ID = "repeated_client_id", "client id {about} was used before"
    OTHER_SYMBOL = "other_symbol", "symbol {about}"
    NO_LIMIT_PRICE = "no_limit_price", "limit order at price {about}"
    NO_STOP_PRICE = "no_stop_price", "stop order at stop price {about}"
    NOTHING_TO_REDUCE = "nothing_to_reduce", "{about} reduces nothing: the position is {position_base}"
    EXCEEDS_POSITION = "exceeds_position", "{about} of {quantity_base} exceeds the position of {position_base}"
    EXCEEDS_POSITION_WITH_EXITS = (
        "exceeds_position_with_exits",
        "{about} of {quantity_base} with {exiting_base} in other exits exceeds the position of {position_base}",
    )
    TRADING_STATE = "trading_state", "trading state is {about}"
    DATA_NOT_LIVE = "data_not_live", "market data is not live"
    ORDER_WITHOUT_EVIDENCE = "order_without_evidence", "an order of this symbol is without evidence"
    TOO_MANY_ORDERS = "too_many_orders", "{orders:.0f} orders in a minute, at most {most_orders:.0f}"
    NO_BOOK_TO_PRICE = "no_book_to_price", "there is no book to price against"
    OUTSIDE_PRICE_BAND = (
        "outside_price_band",
        "price {price_quote} is {distance_frac:.1%} from the market, at most {most_frac:.1%}",
    )
    NO_EQUITY = "no_equity", "equity {equity_quote} is not above 0"
    ORDER_LIMIT = "order_limit", "order {asked_quote:.2f} above the limit of {most_quote:.2f} {about}"
    POSITION_NOTIONAL_LIMIT = (
        "position_notional_limit",
        "position of {asked_quote:.2f} above the limit of {most_quote:.2f} {about}",
    )
    POSITION_RISK_LIMIT = (
        "position_risk_limit",
        "position at risk with {asked_quote:.2f}, above the limit of {most_quote:.2f} {about}",
    )
    PORTFOLIO_RISK_LIMIT = (
        "portfolio_risk_limit",
        "portfolio at risk with {asked_quote:.2f}, above the limit of {most_quote:.2f} {about}",
    )
    EXPOSURE_LIMIT = "exposure_limit", "exposure {asked_quote:.2f} above the limit of {most_quote:.2f} {about}"
    CORRELATED_EXPOSURE_LIMIT = (
        "correlated_exposure_limit",
        "correlated exposure {asked_quote:.2f} above the limit of {most_quote:.2f} {about}",
    )
    FREE_BALANCE_LIMIT = (
        "free_balance_limit",
        "free balance: {asked_quote:.2f} needed, {most_quote:.2f} {about} there",
    )
    LIQUIDATION_LIMIT = (
        "liquidation_limit",
        "with every stop hit {asked_quote:.2f} must be left, of {most_quote:.2f} {about}, or the account is liquidated",
    )
    SPOT_CANNOT_SHORT = "spot_cannot_short", "spot cannot short"


class Reason(msgspec.Struct, frozen=True):
    """One reason: `code`, the numbers behind it by name (units in the name: `_bps`, `_frac`, `_s`, `_quote`, `_base`;
    a Decimal where its digits are told as they are), what it is about (a name, a currency, a list of names), where
    that is not a number, and the reasons it follows from.
    """

    code: Code
    numbers: dict[str, float | Decimal] = {}
    about: str = ""
    causes: tuple["Reason", ...] = ()

    def __str__(self) -> str:
        text = self.code.text
        causes = told(self.causes, ", ")
        if causes and "{causes}" not in text:
            text += " ({causes})"
        numbers = {name: number if math.isfinite(number) else float(number) for name, number in self.numbers.items()}
        return text.format(about=self.about, causes=causes, **numbers)


def because(code: Code, about: str = "", causes: tuple[Reason, ...] = (), **numbers: float | Decimal) -> Reason:
    """The reason `code`, told with exactly these numbers. Those that are not finite are kept as a Decimal, which is
    the same in every encoding.
    """
    kept = {name: number if math.isfinite(number) else Decimal(number) for name, number in numbers.items()}
    return Reason(code, kept, about, causes)


def told(reasons: Iterable[Reason], separator: str = "; ") -> str:
    """All of `reasons` in words."""
    return separator.join(str(reason) for reason in reasons)


def texts(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """Each of `reasons` in words."""
    return tuple(str(reason) for reason in reasons)


def of_stored(values: Iterable[Any]) -> tuple[Reason, ...]:
    """Reasons from their plain form (decoded JSON or msgpack). A sentence of a version that knew no codes, and a code
    of one that knew more, are told as they are.
    """
    return tuple(msgspec.convert(_coded(value), Reason) for value in values)


def with_codes(raw: Any) -> Any:
    """A stored value in plain form, every list called `reasons` in it as this version keeps them."""
    if isinstance(raw, Mapping):
        return {
            name: [_coded(each) for each in value] if name == "reasons" else with_codes(value)
            for name, value in raw.items()
        }
    return [with_codes(value) for value in raw] if isinstance(raw, list | tuple) else raw


def _coded(value: Any) -> Any:
    if isinstance(value, str):
        return {"code": Code.TOLD, "about": value}
    code = value["code"]
    return value if code in _KNOWN else {"code": Code.TOLD, "about": code}


_KNOWN = frozenset(Code)
