"""What an algorithm is told, and what it may look at."""

from decimal import Decimal

import msgspec

from trader.config.execution import ExecutionSettings
from trader.domain.instrument import ZERO, Instrument
from trader.domain.market import Book
from trader.domain.orders import Order
from trader.domain.reasons import Reason


class Started(msgspec.Struct, frozen=True):
    """Begin; after a restart: go on (timers are armed again, nothing is placed twice)."""


class WokeUp(msgspec.Struct, frozen=True):
    """The timer of `parent_id` is due."""

    parent_id: str


class ChildChanged(msgspec.Struct, frozen=True):
    """News of one of its orders; orders of other parents are ignored."""

    order: Order


class ChildRefused(msgspec.Struct, frozen=True):
    """The pre-trade review refused the intent: it was never sent. The parent ends, unless it is under way already and

    - `passes`: it was refused for the moment, not for what it is: the parent waits,
    - `fits`: so much of it no limit forbids: the parent shrinks to that.
    """

    client_id: str
    reason: Reason
    passes: bool = False
    fits: Decimal = ZERO


class Abort(msgspec.Struct, frozen=True):
    """Cancel what rests, place nothing more, finish with `reason`."""

    reason: str


AlgorithmInput = Started | WokeUp | ChildChanged | ChildRefused | Abort


class AlgorithmView(msgspec.Struct, frozen=True):
    """The world at one step. `book` is None while it cannot be trusted; then nothing is placed."""

    now_ms: int
    book: Book | None
    instrument: Instrument
    settings: ExecutionSettings
    ledger_id: str  # part of every client id: two installations never share one
