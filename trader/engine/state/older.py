"""Kept state as versions before wrote it, in today's shape. A kind that never changed is not mentioned here."""

from collections.abc import Callable, Mapping
from typing import Any

from trader.domain.reasons import Code, because, with_codes
from trader.domain.refusals import from_words

Fields = dict[str, Any]


def as_today(kind: str, fields: Fields) -> Fields:
    """The fields of a struct of `kind`, as this version would have kept what they say; what is no struct as it is."""
    mend = _MENDED.get(kind)
    return mend(fields) if mend is not None and isinstance(fields, dict) else fields


def _algorithm(fields: Fields) -> Fields:
    """Why the last child was not taken was a sentence that began with its code."""
    return {"refusal": from_words(fields.get("failure_reason", "")), **fields}


def _breakers(fields: Fields) -> Fields:
    """Reasons, and that of a halt, were sentences."""
    mended: Fields = with_codes(fields)
    words = fields.get("halt_reason", "")
    return {"halt": because(Code.TOLD, words) if words else None, **mended}


def _health(fields: Fields) -> Fields:
    """Reasons were sentences."""
    mended: Fields = with_codes(fields)
    return mended


def _plan(fields: Fields) -> Fields:
    """The worst price was not kept: what is known of it is the entry."""
    return {"worst_price": fields.get("entry_price", 0.0), **fields}


_MENDED: Mapping[str, Callable[[Fields], Fields]] = {
    "algorithm": _algorithm,
    "breakers": _breakers,
    "health": _health,
    "verdict": _health,
    "plan": _plan,
}
