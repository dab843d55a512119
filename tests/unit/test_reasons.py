"""Reasons carry codes and numbers; every code can be told."""

import string
from decimal import Decimal
from math import inf

import msgspec
import pytest

from trader.domain.reasons import Code, Reason, because, of_stored, told, with_codes


def test_every_code_has_a_text_that_its_numbers_fill() -> None:
    for code in Code:
        names = {name for _, name, _, _ in string.Formatter().parse(code.text) if name} - {"about", "causes"}
        text = str(Reason(code, dict.fromkeys(names, 1.5), "BTC"))
        assert text
        assert "{" not in text


@pytest.mark.parametrize(
    ("reason", "text"),
    [
        (because(Code.EDGE_BELOW_BAR, edge_bps=3.14, needed_bps=20), "edge 3.1bp < needed 20.0bp"),
        (because(Code.EDGE_BELOW_IMPACT, edge_bps=20.0, cost_bps=inf), "edge 20.0bp < infbp with impact"),
        (because(Code.NOT_CONFIRMED, "rsi_dip, volume"), "no confirmation (rsi_dip, volume)"),
        (
            because(Code.HALTED, causes=(because(Code.TOLD, "killed by uid 0"), because(Code.NOT_RECONCILED))),
            "trading is halted: killed by uid 0, account not reconciled yet",
        ),
        (because(Code.TOLD, "too small", (because(Code.CAP_EXPOSURE),)), "too small (exposure)"),
    ],
)
def test_a_reason_is_told_with_its_numbers_and_causes(reason: Reason, text: str) -> None:
    assert str(reason) == text


@pytest.mark.parametrize(
    "reason",
    [
        because(Code.NOT_RECONCILED),
        because(Code.EDGE_BELOW_IMPACT, edge_bps=20.5, cost_bps=inf),
        because(Code.HALF_SIZE, causes=(because(Code.FEATURE_DRIFT, share=0.3, most=0.2),)),
        because(Code.OUTSIDE_PRICE_BAND, price_quote=Decimal("101.50"), distance_frac=0.07, most_frac=0.05),
        because(Code.CORRELATED_EXPOSURE_LIMIT, "USDT", asked_quote=Decimal("12.50"), most_quote=3.0),
    ],
)
def test_a_reason_survives_being_stored(reason: Reason) -> None:
    stored = msgspec.json.decode(msgspec.json.encode((reason,)))
    assert of_stored(stored) == (reason,)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(reason), type=Reason) == reason


def test_reasons_of_other_versions_are_told_as_they_were() -> None:
    older, newer = of_stored(["edge 3.1bp < needed 20.0bp", {"code": "moon_is_full", "numbers": {"phase": 1.0}}])
    assert (older.code, str(older)) == (Code.TOLD, "edge 3.1bp < needed 20.0bp")
    assert (newer.code, str(newer)) == (Code.TOLD, "moon_is_full")


def test_old_reasons_are_found_however_deep_they_lie() -> None:
    raw = {"info": {"reasons": ["no_edge"], "slope": 1.0}, "rivals": [{"reasons": []}]}
    told_now = with_codes(raw)
    assert told_now == {
        "info": {"reasons": [{"code": Code.TOLD, "about": "no_edge"}], "slope": 1.0},
        "rivals": [{"reasons": []}],
    }
    assert with_codes(told_now) == told_now


def test_sentences_of_older_versions_are_told_as_they_were() -> None:
    assert told((because(Code.TOLD, "edge gone"), because(Code.SHUTTING_DOWN))) == "edge gone; shutting down"
