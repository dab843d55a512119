"""One line of `trader doctor`."""

from typing import Literal

import msgspec

Verdict = Literal["pass", "warn", "fail"]


class Finding(msgspec.Struct, frozen=True):
    """What was looked at, how it is, and for anything but a pass what to do about it."""

    name: str
    verdict: Verdict
    found: str
    cure: str = ""


def passed(name: str, found: str) -> Finding:
    """It is well."""
    return Finding(name, "pass", found)


def warned(name: str, found: str, cure: str) -> Finding:
    """It works, and something should be done."""
    return Finding(name, "warn", found, cure)


def failed(name: str, found: str, cure: str) -> Finding:
    """The daemon would not start or trade like this."""
    return Finding(name, "fail", found, cure)
