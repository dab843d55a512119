"""Reasons carry codes and numbers; every code can be told."""

import string
from decimal import Decimal

import msgspec

from trader.domain.reasons import _TEXTS, Code, Reason, because, told


def test_every_code_has_a_text_that_its_numbers_fill() -> None:
    for code in Code:
        names = {name for _, name, _, _ in string.Formatter().parse(_TEXTS[code]) if name and name != "about"}
        text = str(Reason(code, dict.fromkeys(names, 1.5), "BTC"))
        assert text
        assert "{" not in text


def test_a_reason_survives_being_stored() -> None:
    stored = (
        because(Code.NOT_RECONCILED),
        because(Code.OUTSIDE_PRICE_BAND, price_quote=Decimal("101.50"), distance_frac=0.07, most_frac=0.05),
    )
    for reason in stored:
        again = msgspec.json.decode(msgspec.json.encode(reason), type=Reason)
        assert again == reason
        assert str(again) == str(reason)


def test_sentences_of_older_versions_are_told_as_they_were() -> None:
    assert told((because(Code.TOLD, "edge gone"), because(Code.SHUTTING_DOWN))) == "edge gone; shutting down"
