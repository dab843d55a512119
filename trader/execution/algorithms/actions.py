"""What an algorithm wants done."""

import msgspec

from trader.domain.orders import OrderIntent, OrderRef


class Place(msgspec.Struct, frozen=True):
    """Send this order, once it is reviewed."""

    intent: OrderIntent


class Cancel(msgspec.Struct, frozen=True):
    """Take the child back."""

    ref: OrderRef


class Wake(msgspec.Struct, frozen=True):
    """Call `step` with `WokeUp` at `due_ms` (market time). A parent has one timer: asking again moves it."""

    due_ms: int


class Finished(msgspec.Struct, frozen=True):
    """The parent is over and holds no live child. `reason` is "filled" or says what is missing and why."""

    reason: str


Action = Place | Cancel | Wake | Finished
