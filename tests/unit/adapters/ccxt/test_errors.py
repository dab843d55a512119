"""Every failure of a request has one meaning, and for an order only evidence makes it definitive."""

from typing import Any

import aiohttp
import ccxt
import pytest

from trader.adapters.ccxt.exchanges import facts_for
from trader.adapters.ccxt.transport.errors import of_cancel, of_read, of_submit, said
from trader.adapters.ccxt.transport.flight import Flight
from trader.domain.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable

BINANCE = facts_for("binance")
KRAKEN = facts_for("kraken")


def flight(*, is_sent: bool = True, status: int | None = None, body: str | None = None, retry: str = "") -> Flight:
    made = Flight()
    made.is_sent = is_sent
    if status is not None:
        made.answered(status, {"retry-after": retry} if retry else {}, body)
    return made


def coded(code: int) -> dict[str, Any]:
    return {"status": 400, "body": f'{{"code":{code},"msg":"x"}}'}


SUBMITS = [
    # (error, how it went, outcome, word)
    (ccxt.RequestTimeout("x"), {}, OutcomeUnknown, ""),
    (TimeoutError(), {}, OutcomeUnknown, ""),
    (ccxt.ExchangeNotAvailable("reset"), {}, OutcomeUnknown, ""),
    (ccxt.ExchangeNotAvailable("502"), {"status": 502}, OutcomeUnknown, ""),
    (ccxt.OnMaintenance("x"), {"status": 503}, OutcomeUnknown, ""),
    (ccxt.ExchangeNotAvailable("408"), {"status": 408}, OutcomeUnknown, ""),
    (ccxt.OperationFailed("-1001"), coded(-1001), OutcomeUnknown, ""),
    (ccxt.BadResponse("x"), {}, OutcomeUnknown, ""),
    (ccxt.NetworkError("x"), {}, OutcomeUnknown, ""),
    (ccxt.ExchangeError("code nobody knows"), coded(-77), OutcomeUnknown, ""),
    (KeyError("id"), {"status": 200}, OutcomeUnknown, ""),
    (ccxt.InvalidOrder('binance {"code":-2010,"msg":"Duplicate order sent."}'), coded(-2010), OutcomeUnknown, ""),
    (ccxt.DuplicateOrderId("x"), {}, OutcomeUnknown, ""),
    (ccxt.InsufficientFunds("x"), coded(-2010), Rejected, "insufficient_funds"),
    (ccxt.OrderImmediatelyFillable("x"), coded(-2010), Rejected, "would_match"),
    (ccxt.BadRequest("Filter failure: NOTIONAL"), coded(-1013), Rejected, "min_notional"),
    (ccxt.InvalidOrder("LOT_SIZE"), coded(-1013), Rejected, "lot_size"),
    (ccxt.InvalidOrder("PRICE_FILTER"), coded(-1013), Rejected, "price_filter"),
    (ccxt.InvalidOrder("other"), coded(-1100), Rejected, "invalid_order"),
    (ccxt.BadSymbol("x"), coded(-1121), Rejected, "unknown_symbol"),
    (ccxt.AuthenticationError("x"), coded(-1022), Rejected, "authentication"),
    (ccxt.PermissionDenied("x"), {}, Rejected, "permission_denied"),
    (ccxt.InvalidNonce("-1021"), coded(-1021), Rejected, "clock"),
    (ccxt.DDoSProtection("429"), {"status": 429}, Rejected, "rate_limited"),
    (ccxt.DDoSProtection("418"), {"status": 418}, Rejected, "rate_limited"),
    (ccxt.RateLimitExceeded("-1015"), coded(-1015), Rejected, "rate_limited"),
    (ccxt.OperationFailed("-1008"), coded(-1008), Rejected, "refused"),
    (ccxt.ExchangeNotAvailable("403"), {"status": 403}, Rejected, "refused"),
    (ccxt.ExchangeNotAvailable("451"), {"status": 451}, Rejected, "refused"),
    # what never left
    (ccxt.ExchangeNotAvailable("connection refused"), {"is_sent": False}, Unavailable, ""),
    (ccxt.RequestTimeout("connecting"), {"is_sent": False}, Unavailable, ""),
    (TimeoutError(), {"is_sent": False}, Unavailable, ""),
    (ccxt.InvalidOrder("amount below the minimum"), {"is_sent": False}, Rejected, "invalid_order"),
    (ccxt.ArgumentsRequired("price"), {"is_sent": False}, Rejected, "bad_request"),
    (ccxt.NotSupported("x"), {"is_sent": False}, Rejected, "not_supported"),
]


@pytest.mark.parametrize(("error", "how", "outcome", "word"), SUBMITS, ids=lambda value: str(value)[:30])
def test_a_failed_order(error: Exception, how: dict[str, Any], outcome: type[Exception], word: str) -> None:
    found = of_submit(error, flight(**how), BINANCE)
    assert type(found) is outcome
    if isinstance(found, Rejected):
        assert found.code == word


CANCELS = [
    (ccxt.OrderNotFound("-2011"), coded(-2011), BINANCE, Rejected),
    (ccxt.InvalidOrder("EOrder:Unknown order"), {}, KRAKEN, Rejected),
    (ccxt.RequestTimeout("x"), {}, BINANCE, OutcomeUnknown),
    (ccxt.ExchangeNotAvailable("502"), {"status": 502}, BINANCE, OutcomeUnknown),
    (ccxt.ExchangeError("EService:Timeout"), {"status": 200}, KRAKEN, OutcomeUnknown),
    (ccxt.DDoSProtection("429"), {"status": 429}, BINANCE, Unavailable),
    (ccxt.InvalidNonce("-1021"), coded(-1021), BINANCE, Unavailable),
    (ccxt.ExchangeNotAvailable("403"), {"status": 403}, BINANCE, Unavailable),
    (ccxt.ExchangeNotAvailable("refused"), {"is_sent": False}, BINANCE, Unavailable),
    (ccxt.BadRequest("x"), coded(-1102), BINANCE, Rejected),
]


@pytest.mark.parametrize(("error", "how", "facts", "outcome"), CANCELS, ids=lambda value: str(value)[:30])
def test_a_failed_cancel(error: Exception, how: dict[str, Any], facts: Any, outcome: type[Exception]) -> None:
    assert type(of_cancel(error, flight(**how), facts)) is outcome


READS = [
    (ccxt.AuthenticationError("x"), Misconfigured),
    (ccxt.DDoSProtection("x"), Unavailable),
    (ccxt.RequestTimeout("x"), Unavailable),
    (ccxt.ExchangeNotAvailable("x"), Unavailable),
    (ccxt.OperationFailed("x"), Unavailable),
    (ccxt.InvalidNonce("x"), Unavailable),
    (ccxt.BadResponse("x"), Unavailable),
    (TypeError("not iterable"), Unavailable),
    (ccxt.OrderNotFound("x"), Rejected),
    (ccxt.BadSymbol("x"), Rejected),
    (ccxt.ExchangeError("x"), Rejected),
]


@pytest.mark.parametrize(("error", "outcome"), READS, ids=lambda value: str(value)[:30])
def test_a_failed_question(error: Exception, outcome: type[Exception]) -> None:
    assert type(of_read(error, flight(), BINANCE)) is outcome


def test_a_body_that_broke_off_is_no_answer_to_a_question() -> None:
    error = ccxt.ExchangeError("binance GET https://api.binance.com/api/v3/account")
    error.__cause__ = aiohttp.ClientPayloadError("not enough data")
    assert type(of_read(error, flight(), BINANCE)) is Unavailable


@pytest.mark.parametrize("translate", [of_read, of_cancel])
def test_what_the_exchange_asks_to_wait_is_passed_on(translate: Any) -> None:
    found = translate(ccxt.DDoSProtection("429"), flight(status=429, retry="17"), BINANCE)
    assert isinstance(found, Unavailable)
    assert found.retry_after_s == 17.0


def test_messages_hold_no_signed_query_and_stay_short() -> None:
    error = ccxt.RequestTimeout(f"binance GET https://api.binance.com/x?timestamp=1&signature=abcdef {'y' * 1000}")
    text = said(error)
    assert "signature" not in text
    assert "https://api.binance.com/x" in text
    assert len(text) < 400
