"""Why something was decided, refused or stopped: a code with its numbers. Text is made where a person reads it."""

from enum import StrEnum

import msgspec


class Code(StrEnum):
    """Every reason there is. Its text, with the names of its numbers, is in `_TEXTS`."""

    TOLD = "told"  # a sentence as it was stored by a version that knew no codes

    # account and trading state
    NOT_RECONCILED = "not_reconciled"
    SHUTTING_DOWN = "shutting_down"


_TEXTS: dict[Code, str] = {
    Code.TOLD: "{about}",
    Code.NOT_RECONCILED: "account not reconciled yet",
    Code.SHUTTING_DOWN: "shutting down",
}


class Reason(msgspec.Struct, frozen=True):
    """One reason: `code`, the numbers behind it by name (units in the name: `_bps`, `_frac`, `_s`, `_quote`), and what
    it is about (a name, a currency, a list of names), where that is not a number.
    """

    code: Code
    numbers: dict[str, float] = {}
    about: str = ""

    def __str__(self) -> str:
        return _TEXTS[self.code].format(about=self.about, **self.numbers)


def because(code: Code, about: str = "", **numbers: float) -> Reason:
    """The reason `code`, told with exactly these numbers."""
    return Reason(code, numbers, about)


def told(reasons: tuple[Reason, ...], separator: str = "; ") -> str:
    """All of `reasons` in words."""
    return separator.join(str(reason) for reason in reasons)
