"""Orders from intent to fill, and the one table that says which status may follow which."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.instrument import ZERO
from trader.domain.refusals import Refusal


class Side(StrEnum):
    """The side of an order, a fill or a position."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """1 for buying, -1 for selling: what the side does to a position."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How an order meets the market."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"  # rests on the exchange; a market order once `stop_price` trades


class AlgorithmName(StrEnum):
    """How a quantity is carried to the market. `execution.algorithms` holds what each does."""

    MARKET = "market"
    LIMIT = "limit"
    TWAP = "twap"


class Urgency(StrEnum):
    """How much an order may cost to be carried soon."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class TimeInForce(StrEnum):
    """How long an order may wait: until it is canceled, or not at all."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"  # all at once or nothing


class Purpose(StrEnum):
    """Why an order exists. Everything but ENTRY and HEDGE only ever reduces a position."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"  # the protective stop that rests on the exchange
    FLATTEN = "flatten"
    HEDGE = "hedge"

    @property
    def reduces(self) -> bool:
        """Whether an order of this purpose only ever makes a position smaller."""
        return self not in (Purpose.ENTRY, Purpose.HEDGE)


class OrderStatus(StrEnum):
    """How an order stands. `may_follow` says which status may come next."""

    PENDING = "pending"  # written down and on its way; no answer yet
    UNKNOWN = "unknown"  # the request may have reached the exchange; no evidence yet
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"  # the exchange said no
    NOT_PLACED = "not_placed"  # evidence that the exchange never had it

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow."""
        return not _NEXT[self]


_S = OrderStatus
_ENDS = frozenset({_S.FILLED, _S.CANCELED, _S.EXPIRED})
_NEXT: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset({_S.UNKNOWN, _S.OPEN, _S.PARTIALLY_FILLED, _S.REJECTED, _S.NOT_PLACED}) | _ENDS,
    _S.UNKNOWN: frozenset({_S.OPEN, _S.PARTIALLY_FILLED, _S.REJECTED, _S.NOT_PLACED}) | _ENDS,
    _S.OPEN: frozenset({_S.PARTIALLY_FILLED}) | _ENDS,
    _S.PARTIALLY_FILLED: _ENDS,
    _S.FILLED: frozenset(),
    _S.CANCELED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.NOT_PLACED: frozenset(),
}


def may_follow(current: OrderStatus, new: OrderStatus) -> bool:
    """Whether an order in `current` may become `new`. The same status again is always allowed."""
    return new is current or new in _NEXT[current]


class OrderIntent(msgspec.Struct, frozen=True):
    """An order somebody wants. It cannot be sent: only `risk.review` turns it into an `Approved`.

    `client_id` is derived from the intent (see `execution.client_ids`), so the same intent
    can never become two orders. At most 36 characters of [A-Za-z0-9-].
    """

    client_id: str
    parent_id: str  # the execution algorithm's id; equals client_id for a lone order
    decision_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal  # base
    purpose: Purpose
    price: Decimal | None = None  # limit price
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduce_only: bool = False
    reference_price: float = 0.0  # mid when it was decided


class Approved(msgspec.Struct, frozen=True):
    """An intent that passed the one pre-trade review. Constructed only in `trader.risk.review` (a test checks)."""

    intent: OrderIntent
    reviewed_ms: int


class Order(msgspec.Struct, frozen=True):
    """What is known of an order. Replaced, never changed; `execution.tracker` is the only writer."""

    intent: OrderIntent
    status: OrderStatus
    created_ms: int
    updated_ms: int
    exchange_id: str | None = None
    reported_filled: Decimal = ZERO  # what the exchange's order reports claim
    filled: Decimal = ZERO  # sum of the fills we hold
    filled_quote: Decimal = ZERO  # sum of price x quantity of the fills we hold
    fees: tuple[tuple[str, Decimal], ...] = ()  # (currency, amount) of the fills we hold, one entry per currency
    cancel_requested: bool = False
    replaces: str = ""  # client id of the order whose place it was sent to take in one request
    stands_in_for: str = ""  # client id of the stop without an answer that it was sent beside
    refusal: Refusal | None = None  # the newest no: of the exchange, or to a cancel; or that no answer came

    @property
    def client_id(self) -> str:
        """Our name of the order."""
        return self.intent.client_id

    @property
    def symbol(self) -> str:
        """The unified symbol."""
        return self.intent.symbol

    @property
    def remaining(self) -> Decimal:
        """Base quantity that is not filled yet."""
        return self.intent.quantity - self.filled

    @property
    def average_price(self) -> Decimal | None:
        """Quantity-weighted average price of the fills, quote per base."""
        return self.filled_quote / self.filled if self.filled else None

    @property
    def is_in_flight(self) -> bool:
        """Sent, and nobody knows whether the exchange has it."""
        return self.status in (OrderStatus.PENDING, OrderStatus.UNKNOWN)

    @property
    def was_judged(self) -> bool:
        """Whether a no to it was about the order; True while there was none."""
        return self.refusal is None or self.refusal.code.was_judged

    @property
    def is_settled(self) -> bool:
        """Ended, and every fill the exchange reported has arrived."""
        return self.status.is_terminal and self.filled >= self.reported_filled


class Fill(msgspec.Struct, frozen=True):
    """One execution. `fill_id` is the exchange's trade id, unique per symbol: the ledger's deduplication key."""

    fill_id: str
    symbol: str
    client_id: str  # empty when the order is not ours (a manual trade)
    exchange_order_id: str
    side: Side
    quantity: Decimal  # base
    price: Decimal
    fee: Decimal
    fee_currency: str
    ts_ms: int
    is_maker: bool
    realised: Decimal | None = None  # profit the exchange booked for it before the fee, quote; None = it states none
    is_forced: bool = False  # the exchange did it: a liquidation, or a deleveraging


class OrderRef(msgspec.Struct, frozen=True):
    """How to name an order to the exchange; `exchange_id` may not be known yet."""

    symbol: str
    client_id: str
    exchange_id: str | None = None
    is_stop: bool = False  # some exchanges keep conditional orders in a book of their own


class OrderReport(msgspec.Struct, frozen=True):
    """The exchange's own statement about one order: an acknowledgement, a stream update or a query's answer."""

    symbol: str
    client_id: str
    exchange_id: str
    status: OrderStatus
    filled: Decimal  # base, cumulative
    ts_ms: int
    side: Side | None = None
    type: OrderType | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    fills: tuple[Fill, ...] = ()  # when the answer carried them
    reason: str = ""
