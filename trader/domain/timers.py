"""Timers of the core: what they are for."""

from enum import StrEnum

import msgspec


class TimerKind(StrEnum):
    """What a timer is for, and so who is woken."""

    STOP = "stop"  # a protective stop may be tried again; key: symbol
    EXIT = "exit"  # an exit goes on; key: symbol
    ALGORITHM = "algorithm"  # an execution algorithm asked to be woken; key: its parent order's id


class TimerId(msgspec.Struct, frozen=True, order=True):
    """Names one timer. Setting the same one again moves it."""

    kind: TimerKind
    key: str
