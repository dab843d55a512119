"""ccxt's exceptions and broken answers as our five kinds of failure. One table per kind of request.

What matters is not the name of an exception but whether the exchange may have acted. For an order only a
definitive answer is `Rejected`; everything else that was sent is `OutcomeUnknown`.
"""

import re
import traceback

import aiohttp
import ccxt

from trader.adapters.ccxt.exchanges import ExchangeFacts
from trader.adapters.ccxt.transport.flight import Flight
from trader.domain.errors import Misconfigured, OutcomeUnknown, Rejected, TraderError, Unavailable
from trader.domain.refusals import RefusalCode

# what ccxt's parsers raise on an answer they cannot read
MALFORMED = (LookupError, TypeError, AttributeError, ValueError, ArithmeticError)
CAUGHT = (ccxt.BaseError, TimeoutError, aiohttp.ClientError, OSError, *MALFORMED)

_LIMITED = (ccxt.DDoSProtection, ccxt.RateLimitExceeded)
_WORDS: tuple[tuple[type[Exception], RefusalCode], ...] = (  # most special first
    (ccxt.InsufficientFunds, RefusalCode.INSUFFICIENT_FUNDS),
    (ccxt.OrderNotFound, RefusalCode.UNKNOWN_ORDER),
    (ccxt.OrderImmediatelyFillable, RefusalCode.WOULD_MATCH),
    (ccxt.OrderNotFillable, RefusalCode.NO_LIQUIDITY),
    (ccxt.DuplicateOrderId, RefusalCode.DUPLICATE_CLIENT_ID),
    (ccxt.InvalidOrder, RefusalCode.INVALID_ORDER),
    (ccxt.BadSymbol, RefusalCode.UNKNOWN_SYMBOL),
    (ccxt.PermissionDenied, RefusalCode.PERMISSION_DENIED),
    (ccxt.AuthenticationError, RefusalCode.AUTHENTICATION),
    (ccxt.NotSupported, RefusalCode.NOT_SUPPORTED),
    (ccxt.InvalidNonce, RefusalCode.CLOCK),
    (ccxt.DDoSProtection, RefusalCode.RATE_LIMITED),
    (ccxt.RateLimitExceeded, RefusalCode.RATE_LIMITED),
    (ccxt.OnMaintenance, RefusalCode.MAINTENANCE),
    (ccxt.ExchangeNotAvailable, RefusalCode.REFUSED),
    (ccxt.BadRequest, RefusalCode.BAD_REQUEST),
    (ccxt.ArgumentsRequired, RefusalCode.BAD_REQUEST),
    (ccxt.OperationRejected, RefusalCode.REJECTED),
    (ccxt.OperationFailed, RefusalCode.REFUSED),
)
# ccxt has one class for many refusals, and no field that tells them apart: the exchange's own words must
_TEXT_CODES = (
    ("LOT_SIZE", RefusalCode.LOT_SIZE),
    ("PRICE_FILTER", RefusalCode.PRICE_FILTER),
    ("NOTIONAL", RefusalCode.MIN_NOTIONAL),
    ("insufficient balance", RefusalCode.INSUFFICIENT_FUNDS),
    ("immediately match", RefusalCode.WOULD_MATCH),
    ("trigger immediately", RefusalCode.WOULD_TRIGGER),
    ("immediately trigger", RefusalCode.WOULD_TRIGGER),
    ("Unknown order", RefusalCode.UNKNOWN_ORDER),
    ("ReduceOnly", RefusalCode.REDUCE_ONLY),
)
_QUERY = re.compile(r"\?[^\s\"']*")
_LONGEST = 300


def said(error: BaseException) -> str:
    """What `error` says, without the signed query of a URL, in one short line."""
    text = _QUERY.sub("", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text[:_LONGEST]}"


def where(error: BaseException) -> str:
    """The innermost line of code that raised. A whole traceback with its variables could show keys."""
    trace = traceback.extract_tb(error.__traceback__)
    return f"{trace[-1].filename.rpartition('/')[2]}:{trace[-1].lineno} {trace[-1].name}" if trace else ""


def code_of(error: BaseException) -> RefusalCode:
    """The short stable word for a refusal."""
    text = str(error)
    if isinstance(error, ccxt.InvalidOrder | ccxt.BadRequest | ccxt.BadResponse):
        for word, code in _TEXT_CODES:
            if word in text:
                return code
    return next((code for kind, code in _WORDS if isinstance(error, kind)), RefusalCode.REJECTED)


def of_read(error: BaseException, flight: Flight, facts: ExchangeFacts) -> TraderError:
    """The failure of a request that changes nothing."""
    if isinstance(error, ccxt.AuthenticationError):
        return Misconfigured(f"the exchange refused the API key: {said(error)}")
    if isinstance(error, _LIMITED):
        return Unavailable(said(error), retry_after_s=flight.retry_after_s)
    if isinstance(error, ccxt.OperationFailed):
        return Unavailable(said(error), retry_after_s=flight.retry_after_s)
    if _is_not_found(error, facts):
        return Rejected(said(error), code=RefusalCode.UNKNOWN_ORDER)
    if isinstance(error, ccxt.ExchangeError) and not isinstance(error.__cause__, aiohttp.ClientError):
        return Rejected(said(error), code=code_of(error))
    return Unavailable(f"answer not understood: {said(error)}")


def of_submit(error: BaseException, flight: Flight, facts: ExchangeFacts) -> TraderError:
    """The failure of a new order."""
    if not flight.is_sent:
        if isinstance(error, ccxt.ExchangeError):
            return Rejected(said(error), code=code_of(error))
        return Unavailable(f"not sent: {said(error)}")
    if isinstance(error, ccxt.DuplicateOrderId) or _says(error, ccxt.InvalidOrder, facts.duplicate_words):
        return OutcomeUnknown(f"an order with this client id exists already: {said(error)}")
    if _proves_not_placed(error, flight, facts):
        return Rejected(said(error), code=code_of(error))
    return OutcomeUnknown(said(error))


def of_setting(error: BaseException, flight: Flight, facts: ExchangeFacts) -> TraderError:
    """The failure of a change of the account's settings; `unchanged` when it was set like that already."""
    if flight.error_code() in facts.unchanged_codes:
        return Rejected(said(error), code=RefusalCode.UNCHANGED)
    return of_submit(error, flight, facts)


def of_cancel(error: BaseException, flight: Flight, facts: ExchangeFacts) -> TraderError:
    """The failure of a cancel. Asking again does no harm, so a cancel that was not carried out is `Unavailable`."""
    if _is_not_found(error, facts):
        return Rejected(said(error), code=RefusalCode.UNKNOWN_ORDER)
    if not flight.is_sent and not isinstance(error, ccxt.ExchangeError):
        return Unavailable(f"not sent: {said(error)}")
    if isinstance(error, (*_LIMITED, ccxt.InvalidNonce)) or _is_refused_at_the_door(error, flight):
        return Unavailable(said(error), retry_after_s=flight.retry_after_s)
    if not flight.is_sent or _proves_not_placed(error, flight, facts):
        return Rejected(said(error), code=code_of(error))
    return OutcomeUnknown(said(error))


def _proves_not_placed(error: BaseException, flight: Flight, facts: ExchangeFacts) -> bool:
    if isinstance(error, (*_LIMITED, ccxt.InvalidNonce)) or flight.error_code() in facts.not_placed_codes:
        return True
    if _is_refused_at_the_door(error, flight):
        return True
    # a bare ExchangeError is a code ccxt does not know, or a body that broke off: neither proves anything
    return isinstance(error, ccxt.ExchangeError) and type(error) is not ccxt.ExchangeError


def _is_refused_at_the_door(error: BaseException, flight: Flight) -> bool:
    """A 4xx page of the exchange's front (ccxt calls 403, 404 and 451 "not available"); 408 is a timeout."""
    status = flight.status
    return isinstance(error, ccxt.ExchangeNotAvailable) and status is not None and 400 <= status < 500 and status != 408


def _is_not_found(error: BaseException, facts: ExchangeFacts) -> bool:
    return isinstance(error, ccxt.OrderNotFound) or _says(error, ccxt.InvalidOrder, facts.not_found_words)


def _says(error: BaseException, kind: type[Exception], words: tuple[str, ...]) -> bool:
    """The exchange's words where ccxt gives nothing else: its class is the same for several refusals."""
    return isinstance(error, kind) and any(word in str(error) for word in words)
