"""Why an order was not taken: a code of ours, and the words it came with."""

from enum import StrEnum

import msgspec


class RefusalCode(StrEnum):
    """What kind of no it is. One the exchange has and we do not know is REJECTED."""

    # the order itself was not looked at: it never left, or was turned away at the door
    NOT_SENT = "not_sent"
    RATE_LIMITED = "rate_limited"
    MAINTENANCE = "maintenance"
    REFUSED = "refused"  # the exchange could not, or would not, answer just then

    # the exchange looked at the order and said no
    REJECTED = "rejected"  # no better word is known
    INSUFFICIENT_FUNDS = "insufficient_funds"
    INSUFFICIENT_MARGIN = "insufficient_margin"
    POSITION_TOO_LARGE = "position_too_large"
    LEVERAGE = "leverage"
    REDUCE_ONLY = "reduce_only"
    WOULD_MATCH = "would_match"  # post-only, and it would have taken
    WOULD_TRIGGER = "would_trigger"  # a stop the price has reached already
    UNFILLABLE = "unfillable"  # all at once, and there is not that much
    NO_LIQUIDITY = "no_liquidity"
    LOT_SIZE = "lot_size"
    PRICE_FILTER = "price_filter"
    PRICE_TOO_HIGH = "price_too_high"
    PRICE_TOO_LOW = "price_too_low"
    MIN_NOTIONAL = "min_notional"
    INVALID_ORDER = "invalid_order"
    BAD_REQUEST = "bad_request"
    DUPLICATE_CLIENT_ID = "duplicate_client_id"
    UNKNOWN_ORDER = "unknown_order"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_SUPPORTED = "not_supported"
    PERMISSION_DENIED = "permission_denied"
    AUTHENTICATION = "authentication"
    CLOCK = "clock"  # the request's time was not believed
    UNCHANGED = "unchanged"  # a setting that is like that already

    # not an answer to the order: what was last said of it
    REPORTED = "reported"  # in the exchange's own report
    NO_ANSWER = "no_answer"
    NEVER_PLACED = "never_placed"  # evidence that the exchange never had it
    CANCEL_REFUSED = "cancel_refused"

    @classmethod
    def _missing_(cls, _value: object) -> "RefusalCode":
        """A word that only another version knows."""
        return cls.REJECTED

    @property
    def was_judged(self) -> bool:
        """Whether the no is about the order: False when it says nothing about a second try."""
        return self not in _AT_THE_DOOR


_AT_THE_DOOR = frozenset({RefusalCode.NOT_SENT, RefusalCode.RATE_LIMITED, RefusalCode.MAINTENANCE, RefusalCode.REFUSED})
_ONLY_SAID = frozenset(
    {RefusalCode.REPORTED, RefusalCode.NO_ANSWER, RefusalCode.NEVER_PLACED, RefusalCode.CANCEL_REFUSED}
)
_PREFIXES = frozenset(code.value for code in RefusalCode if code not in _ONLY_SAID)


class Refusal(msgspec.Struct, frozen=True):
    """A no to an order. `text` is what whoever said it said; for people only."""

    code: RefusalCode
    text: str = ""

    def __str__(self) -> str:
        if self.code in _ONLY_SAID:
            return self.text
        return f"{self.code.value}: {self.text}" if self.text else self.code.value


def from_words(words: str) -> Refusal | None:
    """The refusal in `words`, as `str` gave them: how versions without codes kept one. None for no words."""
    if not words:
        return None
    head, _, text = words.partition(": ")
    return Refusal(RefusalCode(head), text) if head in _PREFIXES else Refusal(RefusalCode.REPORTED, words)
