"""Why something was decided, refused or stopped: a code with its numbers. Text is made where a person reads it."""

from decimal import Decimal
from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Every reason there is. Its text, with the names of its numbers, is in `_TEXTS`."""

    TOLD = "told"  # a sentence as it was stored by a version that knew no codes

    # account and trading state
    NOT_RECONCILED = "not_reconciled"
    SHUTTING_DOWN = "shutting_down"

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
    a Decimal where its digits are told as they are), and what it is about (a name, a currency, a list of names), where
    that is not a number.
    """

    code: Code
    numbers: dict[str, float | Decimal] = {}
    about: str = ""

    def __str__(self) -> str:
        return _TEXTS[self.code].format(about=self.about, **self.numbers)


def because(code: Code, about: str = "", **numbers: float | Decimal) -> Reason:
    """The reason `code`, told with exactly these numbers."""
    return Reason(code, numbers, about)


def told(reasons: tuple[Reason, ...], separator: str = "; ") -> str:
    """All of `reasons` in words."""
    return separator.join(str(reason) for reason in reasons)
