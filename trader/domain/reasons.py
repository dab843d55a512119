"""Why something was decided, refused or stopped: a code with its numbers. Text is made where a person reads it."""

import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any

import msgspec


class Code(StrEnum):
    """Every reason there is. Its text, with the names of its numbers, is in `_TEXTS`."""

    TOLD = "told"  # a sentence as it was stored by a version that knew no codes

    # account and trading state
    NOT_RECONCILED = "not_reconciled"
    SHUTTING_DOWN = "shutting_down"
    PAUSED = "paused"
    KILLED = "killed"
    INVARIANT_BROKEN = "invariant_broken"
    UNPLANNED_POSITION = "unplanned_position"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    LOSSES_IN_A_ROW = "losses_in_a_row"
    NOT_VALUED = "not_valued"
    ACCOUNT_NOT_LIVE = "account_not_live"
    ALL_DATA_STALE = "all_data_stale"
    TOO_MANY_ERRORS = "too_many_errors"
    CLOCK_OFF = "clock_off"
    REDUCING = "trading_reducing"
    HALTED = "trading_halted"
    EQUITY_UNKNOWN = "equity_unknown"
    EQUITY_NOT_POSITIVE = "equity_not_positive"

    # market data
    NO_BOOK = "no_book"
    DATA_STALE = "data_stale"
    DATA_GAP = "data_gap"

    # the forecast and its model
    NO_MODEL = "no_model"
    NO_FORECAST = "no_forecast"
    FORECAST_OF_ANOTHER = "forecast_of_another"
    MODEL_NOW = "model_now"
    FORECAST_OLD = "forecast_old"
    MODEL_OBSERVES = "model_observes"
    MODEL_DRIFTED = "model_drifted"
    HALF_SIZE = "half_size"

    # the signal
    PREDICTION_NOT_FINITE = "prediction_not_finite"
    PREDICTION_ZERO = "prediction_zero"
    MODEL_WITHOUT_EDGE = "model_without_edge"
    SLOPE_NOT_POSITIVE = "slope_not_positive"
    EDGE_BELOW_BAR = "edge_below_bar"
    EDGE_BELOW_IMPACT = "edge_below_impact"
    REGIME_WANTS_LONG = "regime_wants_long"
    REGIME_WANTS_SHORT = "regime_wants_short"
    NOT_CONFIRMED = "not_confirmed"
    EMA_CROSSED = "ema_crossed"
    EMA_NOT_CROSSED = "ema_not_crossed"
    EMA_ABOVE = "ema_above"
    EMA_BELOW = "ema_below"
    RSI_HIGH = "rsi_high"
    SAID = "said"  # by a strategy of one's own, in its words
    STRATEGY_FAILED = "strategy_failed"
    STRATEGY_WITHOUT_EVIDENCE = "strategy_without_evidence"
    TOO_FEW_CANDLES = "too_few_candles"
    MA_CROSSOVER = "ma_crossover"
    RSI_DIP = "rsi_dip"
    RSI_PEAK = "rsi_peak"
    BOLLINGER_EXTREME = "bollinger_extreme"
    ATR_EXPANSION = "atr_expansion"
    VOLUME = "volume"
    SQUEEZE = "squeeze"
    VOLUME_SPIKE = "volume_spike"

    # a position that is held, or about to be
    ENTRY_UNDER_WAY = "entry_under_way"
    EXIT_UNDER_WAY = "exit_under_way"
    ORDER_UNKNOWN = "order_unknown"
    SIGNAL_TURNED = "signal_turned"
    EDGE_HOLDS = "edge_holds"
    EDGE_GONE = "edge_gone"
    EXTENDED = "extended"
    CORRELATED_EXPOSURE = "correlated_exposure"
    IMPACT = "impact"

    # the size
    PRICE_OR_STOP_UNUSABLE = "price_or_stop_unusable"
    ATR_UNAVAILABLE = "atr_unavailable"
    TOO_MANY_POSITIONS = "too_many_positions"
    NO_TRACK_RECORD = "no_track_record"
    KELLY_WITHOUT_EDGE = "kelly_without_edge"
    KELLY_WITHOUT_FORECAST = "kelly_without_forecast"
    STOP_BEYOND_LIQUIDATION = "stop_beyond_liquidation"
    CAP_POSITION_NOTIONAL = "cap_position_notional"
    CAP_PORTFOLIO_RISK = "cap_portfolio_risk"
    CAP_EXPOSURE = "cap_exposure"
    CAP_FREE_BALANCE = "cap_free_balance"
    CAP_MAX_QUANTITY = "cap_max_quantity"

    # what a model lacks to trade real money
    ACTIVE_DAYS = "active_days"
    EFFECTIVE_DAYS = "effective_days"
    REGIMES = "regimes"
    SLOPE_T = "slope_t"
    NET_LOW = "net_low"
    NET_LOW_UNKNOWN = "net_low_unknown"
    NET_LOW_WITHOUT_BEST = "net_low_without_best"
    NET_LOW_WITHOUT_BEST_UNKNOWN = "net_low_without_best_unknown"
    RECENT_NET = "recent_net"
    NO_EDGE = "no_edge"
    LEAK_ALARM = "leak_alarm"
    SYNTHETIC = "synthetic"

    # how a model in use has drifted
    CALIBRATION_DRIFT = "calibration_drift"
    FEATURE_DRIFT = "feature_drift"
    PREDICTION_DRIFT = "prediction_drift"

    # what an exchange takes
    BELOW_MIN_QUANTITY = "below_min_quantity"
    ABOVE_MAX_QUANTITY = "above_max_quantity"
    OFF_QUANTITY_STEP = "off_quantity_step"
    OFF_PRICE_TICK = "off_price_tick"
    BELOW_MIN_NOTIONAL = "below_min_notional"

    # the review before an order is sent
    MALFORMED_CLIENT_ID = "malformed_client_id"
    REPEATED_CLIENT_ID = "repeated_client_id"
    OTHER_SYMBOL = "other_symbol"
    NO_LIMIT_PRICE = "no_limit_price"
    NO_STOP_PRICE = "no_stop_price"
    NOTHING_TO_REDUCE = "nothing_to_reduce"
    EXCEEDS_POSITION = "exceeds_position"
    EXCEEDS_POSITION_WITH_EXITS = "exceeds_position_with_exits"
    TRADING_STATE = "trading_state"
    DATA_NOT_LIVE = "data_not_live"
    ORDER_WITHOUT_EVIDENCE = "order_without_evidence"
    TOO_MANY_ORDERS = "too_many_orders"
    NO_BOOK_TO_PRICE = "no_book_to_price"
    OUTSIDE_PRICE_BAND = "outside_price_band"
    NO_EQUITY = "no_equity"
    ORDER_LIMIT = "order_limit"
    EXPOSURE_LIMIT = "exposure_limit"
    CORRELATED_EXPOSURE_LIMIT = "correlated_exposure_limit"
    FREE_BALANCE_LIMIT = "free_balance_limit"
    SPOT_CANNOT_SHORT = "spot_cannot_short"


_TEXTS: dict[Code, str] = {
    Code.TOLD: "{about}",
    Code.NOT_RECONCILED: "account not reconciled yet",
    Code.SHUTTING_DOWN: "shutting down",
    Code.PAUSED: "paused by command",
    Code.KILLED: "killed by command",
    Code.INVARIANT_BROKEN: "invariant broken: {about}",
    Code.UNPLANNED_POSITION: "{quantity_base} {about} has no plan; policy halt",
    Code.DAILY_LOSS: "daily loss {loss_frac:.1%}, at most {most_frac:.1%}",
    Code.DRAWDOWN: "drawdown {loss_frac:.1%}, at most {most_frac:.1%}",
    Code.LOSSES_IN_A_ROW: "{losses:.0f} losses in a row",
    Code.NOT_VALUED: "equity is not known",
    Code.ACCOUNT_NOT_LIVE: "account stream is not live",
    Code.ALL_DATA_STALE: "market data is stale",
    Code.TOO_MANY_ERRORS: "{errors:.0f} errors in a minute, at most {most_errors:.0f}",
    Code.CLOCK_OFF: "clock {offset_ms:+.0f} ms from the exchange's, at most {most_ms:.0f} ms",
    Code.REDUCING: "trading is reducing: {causes}",
    Code.HALTED: "trading is halted: {causes}",
    Code.EQUITY_UNKNOWN: "equity is not known yet",
    Code.EQUITY_NOT_POSITIVE: "equity {equity_quote:.2f} is not above 0",
    Code.NO_BOOK: "no book yet",
    Code.DATA_STALE: "market data stale: {about}",
    Code.DATA_GAP: "market data gap: {about}",
    Code.NO_MODEL: "no model",
    Code.NO_FORECAST: "no forecast: {about} missing",
    Code.FORECAST_OF_ANOTHER: "forecast of {about}, {causes}",
    Code.MODEL_NOW: "the model is {about} now",
    Code.FORECAST_OLD: "forecast is {age_s:.0f} s old",
    Code.MODEL_OBSERVES: "model only observes ({causes})",
    Code.MODEL_DRIFTED: "model drifted: {causes}",
    Code.HALF_SIZE: "half size: {causes}",
    Code.PREDICTION_NOT_FINITE: "prediction is not finite",
    Code.PREDICTION_ZERO: "prediction is zero",
    Code.MODEL_WITHOUT_EDGE: "model has no edge over the base rate",
    Code.SLOPE_NOT_POSITIVE: "model slope {slope:.2f} is not positive",
    Code.EDGE_BELOW_BAR: "edge {edge_bps:.1f}bp < needed {needed_bps:.1f}bp",
    Code.EDGE_BELOW_IMPACT: "edge {edge_bps:.1f}bp < {cost_bps:.1f}bp with impact",
    Code.REGIME_WANTS_LONG: "regime {about} wants long",
    Code.REGIME_WANTS_SHORT: "regime {about} wants short",
    Code.NOT_CONFIRMED: "no confirmation ({about})",
    Code.EMA_CROSSED: "EMA {fast:.0f} crossed above EMA {slow:.0f}",
    Code.EMA_NOT_CROSSED: "EMA {fast:.0f} has not crossed above EMA {slow:.0f}",
    Code.EMA_ABOVE: "EMA {fast:.0f} is above EMA {slow:.0f}",
    Code.EMA_BELOW: "EMA {fast:.0f} is below EMA {slow:.0f}",
    Code.RSI_HIGH: "RSI {rsi:.1f} is not below {most:.0f}",
    Code.SAID: "{about}",
    Code.STRATEGY_FAILED: "strategy failed: {about}",
    Code.STRATEGY_WITHOUT_EVIDENCE: "strategy {about} only observes (no record says that it earns)",
    Code.TOO_FEW_CANDLES: "{known:.0f} candles without a hole, the strategy asks for {needed:.0f}",
    Code.MA_CROSSOVER: "ma_crossover",
    Code.RSI_DIP: "rsi_dip",
    Code.RSI_PEAK: "rsi_peak",
    Code.BOLLINGER_EXTREME: "bollinger_extreme",
    Code.ATR_EXPANSION: "atr_expansion",
    Code.VOLUME: "volume",
    Code.SQUEEZE: "squeeze",
    Code.VOLUME_SPIKE: "volume_spike",
    Code.ENTRY_UNDER_WAY: "entry under way",
    Code.EXIT_UNDER_WAY: "exit under way",
    Code.ORDER_UNKNOWN: "an order of unknown outcome",
    Code.SIGNAL_TURNED: "signal turned",
    Code.EDGE_HOLDS: "edge holds",
    Code.EDGE_GONE: "edge gone, waiting for the exits",
    Code.EXTENDED: "extended by a horizon",
    Code.CORRELATED_EXPOSURE: "correlated exposure {together_quote:.0f} > {most_quote:.0f} {about}",
    Code.IMPACT: "impact {impact_bps:.1f}bp",
    Code.PRICE_OR_STOP_UNUSABLE: "price {price_quote} and stop distance {stop_frac} must be above 0",
    Code.ATR_UNAVAILABLE: "ATR {atr_frac} is not available",
    Code.TOO_MANY_POSITIONS: "{positions:.0f} positions open, at most {most:.0f}",
    Code.NO_TRACK_RECORD: "the model has no record of wins and losses",
    Code.KELLY_WITHOUT_EDGE: "kelly: no edge at win probability {win_probability:.2f}",
    Code.KELLY_WITHOUT_FORECAST: "kelly: no forecast says how likely a win is; set sizing.rule: fixed",
    Code.STOP_BEYOND_LIQUIDATION: (
        "at leverage {leverage:g} a stop {stop_frac:.1%} away would come after the liquidation"
    ),
    Code.CAP_POSITION_NOTIONAL: "position_notional",
    Code.CAP_PORTFOLIO_RISK: "portfolio_risk",
    Code.CAP_EXPOSURE: "exposure",
    Code.CAP_FREE_BALANCE: "free_balance",
    Code.CAP_MAX_QUANTITY: "max_quantity",
    Code.ACTIVE_DAYS: "active_days {days:.0f}<{least:.0f}",
    Code.EFFECTIVE_DAYS: "effective_days {days:.0f}<{least:.0f}",
    Code.REGIMES: "regimes {regimes:.0f}<{least:.0f}",
    Code.SLOPE_T: "slope_t {slope_t:.1f}<{least:.1f}",
    Code.NET_LOW: "net_low_bps {net_bps:.1f}<=0",
    Code.NET_LOW_UNKNOWN: "net_low_bps none<=0",
    Code.NET_LOW_WITHOUT_BEST: "net_low_without_best_{left_out:.0f}_bps {net_bps:.1f}<=0",
    Code.NET_LOW_WITHOUT_BEST_UNKNOWN: "net_low_without_best_{left_out:.0f}_bps none<=0",
    Code.RECENT_NET: "recent_net_bps {net_bps:.1f}<0",
    Code.NO_EDGE: "no_edge",
    Code.LEAK_ALARM: "leak_alarm {about} {value:.3f}>{most}",
    Code.SYNTHETIC: "synthetic",
    Code.CALIBRATION_DRIFT: "calibration_t {t:.1f}<={least:.1f}",
    Code.FEATURE_DRIFT: "feature_drift {share:.0%}>{most:.0%}",
    Code.PREDICTION_DRIFT: "prediction_drift {index:.2f}>{most:.2f}",
    Code.BELOW_MIN_QUANTITY: "quantity {quantity_base} below minimum {least_base} {about}",
    Code.ABOVE_MAX_QUANTITY: "quantity {quantity_base} above maximum {most_base} {about}",
    Code.OFF_QUANTITY_STEP: "quantity {quantity_base} not on step {step_base}",
    Code.OFF_PRICE_TICK: "price {price_quote} not on tick {tick_quote}",
    Code.BELOW_MIN_NOTIONAL: "notional {notional_quote} below minimum {least_quote} {about}",
    Code.MALFORMED_CLIENT_ID: "client id {about!r} is not 1 to 36 characters of A-Z a-z 0-9 -",
    Code.REPEATED_CLIENT_ID: "client id {about} was used before",
    Code.OTHER_SYMBOL: "symbol {about}",
    Code.NO_LIMIT_PRICE: "limit order at price {about}",
    Code.NO_STOP_PRICE: "stop order at stop price {about}",
    Code.NOTHING_TO_REDUCE: "{about} reduces nothing: the position is {position_base}",
    Code.EXCEEDS_POSITION: "{about} of {quantity_base} exceeds the position of {position_base}",
    Code.EXCEEDS_POSITION_WITH_EXITS: (
        "{about} of {quantity_base} with {exiting_base} in other exits exceeds the position of {position_base}"
    ),
    Code.TRADING_STATE: "trading state is {about}",
    Code.DATA_NOT_LIVE: "market data is not live",
    Code.ORDER_WITHOUT_EVIDENCE: "an order of this symbol is without evidence",
    Code.TOO_MANY_ORDERS: "{orders:.0f} orders in a minute, at most {most_orders:.0f}",
    Code.NO_BOOK_TO_PRICE: "there is no book to price against",
    Code.OUTSIDE_PRICE_BAND: "price {price_quote} is {distance_frac:.1%} from the market, at most {most_frac:.1%}",
    Code.NO_EQUITY: "equity {equity_quote} is not above 0",
    Code.ORDER_LIMIT: "order {asked_quote:.2f} above the limit of {most_quote:.2f} {about}",
    Code.EXPOSURE_LIMIT: "exposure {asked_quote:.2f} above the limit of {most_quote:.2f} {about}",
    Code.CORRELATED_EXPOSURE_LIMIT: (
        "correlated exposure {asked_quote:.2f} above the limit of {most_quote:.2f} {about}"
    ),
    Code.FREE_BALANCE_LIMIT: "free balance {asked_quote:.2f} above the limit of {most_quote:.2f} {about}",
    Code.SPOT_CANNOT_SHORT: "spot cannot short",
}


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
        text = _TEXTS[self.code]
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
