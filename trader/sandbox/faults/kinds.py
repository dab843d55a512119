"""What can be made to go wrong at the sandbox, as data: one struct per kind of fault, read from JSON.

Limits that many of them share: `next`: act so many times, then end (0: without limit). `for_s`: end after so many real
seconds (0: without limit, until cleared). Whichever comes first.
"""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

import msgspec

from trader.domain.errors import Misconfigured

Seconds = Annotated[float, msgspec.Meta(ge=0, le=86_400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]

ACCOUNT = "account"  # the account's own events, where a fault names a stream
USDM_PREFIX = "usdm/"  # how the streams of the perpetual exchange begin there


class _Fault(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=False, tag_field="kind"
):
    is_instant: ClassVar[bool] = False  # done as soon as it is begun


class _Requests(_Fault, frozen=True, kw_only=True):
    """Which requests: those whose method is `method`, whose path holds `path`, whose query or body holds `containing`.

    A method of the websocket API counts as path /ws-api/<method>, e.g. /ws-api/order.place.
    """

    path: str = ""
    method: str = ""
    containing: str = ""
    next: Count = 1
    for_s: Seconds = 0.0


class ErrorAnswer(_Requests, frozen=True, kw_only=True, tag="error"):
    """An error instead of the answer; with `when` after, the request is carried out nevertheless.

    The body is {"code", "msg"} where a code is given (429 and 418: -1003 by themselves), else a page of HTML.
    """

    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 503
    retry_after_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)] | None = None
    code: int | None = None
    message: str = ""
    when: Literal["before", "after"] = "before"


class DropAnswer(_Requests, frozen=True, kw_only=True, tag="drop_answer"):
    """The connection is cut before the request is carried out, or after it."""

    when: Literal["before", "after"] = "before"


class DelayAnswer(_Requests, frozen=True, kw_only=True, tag="delay_answer"):
    """The answer comes `delay_s` real seconds late; with `when` before, the request itself is carried out late."""

    delay_s: Seconds = 5.0
    when: Literal["before", "after"] = "before"


class TruncatedBody(_Requests, frozen=True, kw_only=True, tag="truncated_body"):
    """Only the first `keep_bytes` of the answer's body arrive, at least one byte less than it has; the status stays."""

    keep_bytes: Count = 20


class EmptyBody(_Requests, frozen=True, kw_only=True, tag="empty_body"):
    """Status 200 and no body."""


class _Stream(_Fault, frozen=True, kw_only=True):
    """Which streams: those whose name ("btcusdt@trade", "account", "usdm/btcusdt@trade") holds `stream`."""

    stream: str = ""
    for_s: Seconds = 0.0


class Silence(_Stream, frozen=True, kw_only=True, tag="silence"):
    """Nothing is sent, pings are answered."""


class SkipUpdates(_Stream, frozen=True, kw_only=True, tag="skip_updates"):
    """Messages are left out."""

    stream: str = "@depth"
    next: Count = 1


class DuplicateUpdates(_Stream, frozen=True, kw_only=True, tag="duplicate_updates"):
    """Messages come twice."""

    stream: str = "@depth"
    next: Count = 1


class ReorderUpdates(_Stream, frozen=True, kw_only=True, tag="reorder_updates"):
    """A message comes after the one that follows it."""

    stream: str = "@depth"
    next: Count = 1


class AccountGap(_Fault, frozen=True, kw_only=True, tag="account_gap"):
    """Events of the account are lost; the connection stays."""

    next: Count = 1
    for_s: Seconds = 0.0


class LoseSubscription(_Fault, frozen=True, kw_only=True, tag="lose_subscription"):
    """Whoever is subscribed to a stream whose name holds `stream` is forgotten; the connection stays."""

    is_instant: ClassVar[bool] = True
    stream: str = ""


class EndAccountStream(_Fault, frozen=True, kw_only=True, tag="end_account_stream"):
    """The account stream says that it has ended, and nothing more; the connection stays."""

    is_instant: ClassVar[bool] = True


class DropSockets(_Fault, frozen=True, kw_only=True, tag="drop_sockets"):
    """Every websocket whose path holds `path` is cut without a goodbye."""

    is_instant: ClassVar[bool] = True
    path: str = ""


class RefuseConnections(_Fault, frozen=True, kw_only=True, tag="refuse_connections"):
    """The port is closed for `for_s` real seconds and everything open is cut. That includes /sandbox."""

    for_s: Annotated[float, msgspec.Meta(gt=0, le=3_600)] = 5.0


class Maintenance(_Fault, frozen=True, kw_only=True, tag="maintenance"):
    """Websockets are cut, everything but system/status answers 503; the market goes on behind the door."""

    for_s: Seconds = 10.0


class ClockSkew(_Fault, frozen=True, kw_only=True, tag="clock_skew"):
    """Seen from a client that is connected, the exchange's clock jumps by `skew_ms` real milliseconds, market and all.

    Forward, what had to happen meanwhile happens at once; back, the market stands still until it is there again.
    """

    skew_ms: Annotated[float, msgspec.Meta(ge=-60_000, le=60_000)]
    for_s: Seconds = 0.0


class FiltersChanged(_Fault, frozen=True, kw_only=True, tag="filters_changed"):
    """`symbol` has other filters; what is not given stays."""

    symbol: str
    price_tick: Decimal | None = None
    quantity_step: Decimal | None = None
    min_quantity: Decimal | None = None
    min_notional: Decimal | None = None
    for_s: Seconds = 0.0

    def __post_init__(self) -> None:
        for name in ("price_tick", "quantity_step", "min_quantity", "min_notional"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} {value} must be above 0")


class Delist(_Fault, frozen=True, kw_only=True, tag="delist"):
    """Trading in `symbol` has ended: status BREAK, no new orders, no trades, no streams. Cancels are carried out."""

    symbol: str
    for_s: Seconds = 0.0


class ThinBook(_Fault, frozen=True, kw_only=True, tag="thin_book"):
    """Our orders get only `share` of every displayed level of `symbol` (empty: of all), so they fill in part."""

    symbol: str = ""
    share: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.1
    for_s: Seconds = 0.0


RequestFault = ErrorAnswer | DropAnswer | DelayAnswer | TruncatedBody | EmptyBody
StreamFault = Silence | SkipUpdates | DuplicateUpdates | ReorderUpdates | AccountGap
Fault = (
    ErrorAnswer
    | DropAnswer
    | DelayAnswer
    | TruncatedBody
    | EmptyBody
    | Silence
    | SkipUpdates
    | DuplicateUpdates
    | ReorderUpdates
    | AccountGap
    | LoseSubscription
    | EndAccountStream
    | DropSockets
    | RefuseConnections
    | Maintenance
    | ClockSkew
    | FiltersChanged
    | Delist
    | ThinBook
)
KINDS: dict[str, type[_Fault]] = {str(kind.__struct_config__.tag): kind for kind in Fault.__args__}


def fault_from(given: object) -> Fault:
    """A fault from decoded JSON: {"kind": ..., parameters}. Raises `Misconfigured` naming what is allowed."""
    if not isinstance(given, dict) or given.get("kind") not in KINDS:
        kind = given.get("kind") if isinstance(given, dict) else given
        raise Misconfigured(f"fault kind {kind!r}: allowed are {', '.join(KINDS)}")
    allowed = KINDS[given["kind"]].__struct_fields__
    unknown = [name for name in given if name not in (*allowed, "kind")]
    if unknown:
        raise Misconfigured(f"fault {given['kind']} has no {', '.join(unknown)}: allowed are {', '.join(allowed)}")
    try:
        return msgspec.convert(given, Fault)  # type: ignore[no-any-return]  # a union type is not a `type`
    except msgspec.ValidationError as error:
        raise Misconfigured(f"fault {given['kind']}: {error}") from None
