"""The one order in which things happened: everything the engine eats passes here, numbered and stamped."""

import asyncio
from collections import deque

import msgspec

from trader.domain.events import AnyEvent, BookUpdated
from trader.ports import Clock


class Inbox:
    """A queue with one reader. Books are conflated: of the unread ones of a symbol only the newest is kept.

    `seq` and `ts_ms` are given as events leave, so numbers follow processing order without a hole and the
    engine's now never goes back, even when the machine's clock does.
    """

    def __init__(self, clock: Clock, last_seq: int = 0) -> None:
        self._clock = clock
        self._last_seq = last_seq
        self._last_ms = 0
        self._queue: deque[AnyEvent | str] = deque()  # a str stands for the newest book of that symbol
        self._books: dict[str, BookUpdated] = {}
        self._filled = asyncio.Event()
        self.conflated = 0

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def last_seq(self) -> int:
        """Number of the newest event that has left."""
        return self._last_seq

    def put(self, event: AnyEvent) -> None:
        """Add an event. Call it on the loop's thread only."""
        if type(event) is BookUpdated:
            symbol = event.book.symbol
            if symbol in self._books:
                self.conflated += 1
            else:
                self._queue.append(symbol)
            self._books[symbol] = event
        else:
            self._queue.append(event)
        self._filled.set()

    async def take(self, most: int = 256) -> list[AnyEvent]:
        """Wait for at least one event and take up to `most`, stamped."""
        await self._filled.wait()
        events = [self._stamped(self._queue.popleft()) for _ in range(min(most, len(self._queue)))]
        if not self._queue:
            self._filled.clear()
        return events

    def _stamped(self, item: AnyEvent | str) -> AnyEvent:
        event = self._books.pop(item) if isinstance(item, str) else item
        self._last_seq += 1
        self._last_ms = max(self._last_ms, self._clock.now_ms())
        return msgspec.structs.replace(event, seq=self._last_seq, ts_ms=self._last_ms)
