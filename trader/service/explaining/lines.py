"""The shape of an explanation: sections of lines, each with a mark."""

from enum import StrEnum

import msgspec


class Mark(StrEnum):
    """What a line says of the decision."""

    PLAIN = ""
    PASSED = "passed"
    NO = "no"  # the one that decided against it
    ALSO_NO = "also no"
    OPEN = "open"  # did not hold, and forbade nothing by itself


class Line(msgspec.Struct, frozen=True):
    """One thing, told: what it is, and what is to be said of it."""

    label: str
    text: str
    mark: Mark = Mark.PLAIN
    is_brief: bool = False  # it may share a line with others that have nothing against it


class Section(msgspec.Struct, frozen=True):
    """Lines that belong together."""

    title: str
    lines: tuple[Line, ...]
