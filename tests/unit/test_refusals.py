"""A refusal keeps its code wherever it is stored, and says whether the order was looked at."""

import msgspec
import pytest

from tests.kit.builders import an_order
from trader.adapters.sql.rows import order_of, order_row
from trader.domain.events import OrderRefused
from trader.domain.orders import OrderStatus
from trader.domain.refusals import Refusal, RefusalCode, from_words
from trader.engine.state.kept import kept
from trader.engine.state.older import as_today
from trader.execution.algorithms import AlgorithmState

DOOR = {RefusalCode.NOT_SENT, RefusalCode.RATE_LIMITED, RefusalCode.MAINTENANCE, RefusalCode.REFUSED}


@pytest.mark.parametrize("code", RefusalCode)
def test_only_what_was_turned_away_at_the_door_was_not_judged(code: RefusalCode) -> None:
    order = an_order(status=OrderStatus.REJECTED, refusal=Refusal(code, "rate_limited: words do not count"))
    assert order.was_judged is (code not in DOOR)


@pytest.mark.parametrize("code", RefusalCode)
@pytest.mark.parametrize("text", ["", "need 5 USDT", "maintenance: until noon"])
def test_the_ledger_keeps_it_exactly_and_in_words(code: RefusalCode, text: str) -> None:
    refusal = Refusal(code, text)
    order = an_order(status=OrderStatus.REJECTED, refusal=refusal)
    row = order_row(order)
    assert order_of(row) == order
    assert row["reason"] == str(refusal)


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("not_sent: connection refused", Refusal(RefusalCode.NOT_SENT, "connection refused")),
        ("would_match: at 5: taken", Refusal(RefusalCode.WOULD_MATCH, "at 5: taken")),
        ("rejected", Refusal(RefusalCode.REJECTED)),
        ("no answer: TimeoutError", Refusal(RefusalCode.REPORTED, "no answer: TimeoutError")),
        ("EXPIRED_IN_MATCH", Refusal(RefusalCode.REPORTED, "EXPIRED_IN_MATCH")),
        ("", None),
    ],
)
def test_a_row_of_a_version_that_kept_only_words(words: str, refusal: Refusal | None) -> None:
    row = {**order_row(an_order()), "reason": words, "refusal": None}
    assert order_of(row).refusal == refusal
    assert from_words(words) == refusal


def test_a_code_that_only_a_newer_version_knows_is_a_rejection() -> None:
    event = msgspec.json.decode(
        b'{"type":"OrderRefused","client_id":"t-1","code":"sold_out","reason":"x"}', type=OrderRefused
    )
    assert event.code is RefusalCode.REJECTED


def test_an_algorithm_kept_before_codes_still_knows_that_it_was_not_judged() -> None:
    old = {
        "type": "market", "parent_id": "p", "decision_id": "d", "symbol": "BTC/USDT", "side": "sell", "purpose": "exit",
        "quantity": "1", "algorithm": "market", "arrival_bid": 1.0, "arrival_ask": 1.0, "market_order_bps": 0.0,
        "started_ms": 1, "deadline_ms": 2, "failures": 1, "failure_reason": "rate_limited: 429",
    }  # fmt: skip
    state = msgspec.convert(as_today("algorithm", old), AlgorithmState)
    assert state.refusal == Refusal(RefusalCode.RATE_LIMITED, "429")
    blob = kept("algorithm", "p", state).value
    assert blob is not None
    assert msgspec.convert(as_today("algorithm", msgspec.msgpack.decode(blob)), AlgorithmState) == state
