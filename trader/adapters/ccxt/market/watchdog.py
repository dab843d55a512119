"""Notices streams that fell silent while the exchange goes on, and brings them back: probe, renew, reconnect.

A quiet market and a dead stream look the same from here, so REST is asked before anything is called stale.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

import structlog

from trader.adapters.ccxt.transport.streams import backoff_s
from trader.domain.errors import TraderError
from trader.domain.events import StreamState
from trader.market.quality import Part

log = structlog.get_logger("ccxt.watchdog")

LOOK_EVERY_S = 0.2
SHORTEST_BUDGET_S = 3.0
SETTLE_S = 3.0  # how long a remedy may take to show, doubled with each further one
LONGEST_SETTLE_S = 60.0
TRUST_AFTER = 3.0  # budgets without silence after a remedy until it counts as having worked


class Channel(NamedTuple):
    """One symbol's share of the streams of one part."""

    part: Part
    symbol: str


class _Watch:
    __slots__ = ("is_busy", "not_before", "remedies", "seen", "trusted_at")

    def __init__(self, now: float) -> None:
        self.seen = now
        self.not_before = 0.0
        self.remedies = 0  # tried since data last flowed for a while
        self.trusted_at = 0.0
        self.is_busy = False


class Watchdog:
    """`budgets_s`: longest silence per part, real seconds.

    `probe(channel)` returns whether the exchange has data newer than ours; it may raise `TraderError`.
    `renew(channel)` subscribes anew on the same socket and returns whether it could; `reconnect(channel)` dials anew.
    """

    def __init__(
        self,
        channels: Iterable[Channel],
        *,
        budgets_s: Mapping[Part, float],
        probe: Callable[[Channel], Awaitable[bool]],
        renew: Callable[[Channel], Awaitable[bool]],
        reconnect: Callable[[Channel], Awaitable[None]],
        on_state: Callable[[Channel, StreamState, str], None],
    ) -> None:
        now = asyncio.get_running_loop().time()
        self._watches = {channel: _Watch(now) for channel in channels}
        self._budgets_s = {part: max(SHORTEST_BUDGET_S, budget) for part, budget in budgets_s.items()}
        self._probe = probe
        self._renew = renew
        self._reconnect = reconnect
        self._on_state = on_state

    def seen(self, channel: Channel, now: float) -> None:
        """Data of `channel` arrived at loop time `now`."""
        watch = self._watches[channel]
        watch.seen = now
        if watch.remedies and now >= watch.trusted_at:
            watch.remedies = 0

    async def run(self, group: asyncio.TaskGroup) -> None:
        """Watch until cancelled; recoveries run as tasks of `group`."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            for channel, watch in self._watches.items():
                silence_s = now - watch.seen
                if silence_s > self._budgets_s[channel.part] and now >= watch.not_before and not watch.is_busy:
                    watch.is_busy = True
                    group.create_task(self._recover(channel, watch, silence_s), name=f"recover {channel}")
            await asyncio.sleep(LOOK_EVERY_S)

    async def _recover(self, channel: Channel, watch: _Watch, silence_s: float) -> None:
        loop = asyncio.get_running_loop()
        seen = watch.seen
        try:
            is_behind = await self._probe(channel)
        except TraderError as error:
            if watch.seen == seen:
                watch.not_before = loop.time() + backoff_s(4)
                self._on_state(channel, StreamState.STALE, f"silent for {silence_s:.1f} s and REST fails: {error}")
        else:
            if watch.seen != seen:
                return
            if is_behind:
                await self._remedy(channel, watch, silence_s)
            else:
                self.seen(channel, loop.time())
                self._on_state(channel, StreamState.LIVE, "quiet: REST has nothing newer")
        finally:
            watch.is_busy = False

    async def _remedy(self, channel: Channel, watch: _Watch, silence_s: float) -> None:
        self._on_state(channel, StreamState.STALE, f"silent for {silence_s:.1f} s while the exchange goes on")
        watch.remedies += 1
        remedy = "renew"
        if watch.remedies > 1 or not await self._renew(channel):
            remedy = "reconnect"
            await self._reconnect(channel)
        settle_s = min(LONGEST_SETTLE_S, SETTLE_S * 2.0 ** (watch.remedies - 1))
        now = asyncio.get_running_loop().time()
        watch.not_before = now + settle_s
        watch.trusted_at = now + settle_s + TRUST_AFTER * self._budgets_s[channel.part]
        log.warning("stream.stale", kind=channel.part.value, symbol=channel.symbol, silence_s=silence_s, remedy=remedy)
