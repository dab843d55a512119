"""Paper trading: a real feed whose orders meet the simulated exchange instead of the real one.

`PaperVenue` is both ports: it passes the feed's events on, matches against them, and answers like an exchange.
An order is either never accepted or completely in the store, at whatever instruction the process dies.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from decimal import Decimal
from pathlib import Path

from trader.domain.account import Balance, Payment, Position
from trader.domain.errors import InvariantBroken, OutcomeUnknown, Unavailable
from trader.domain.events import (
    AccountUnreachable,
    MarketEvent,
)
from trader.domain.instrument import Instrument
from trader.domain.market import Candle, FundingRate
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport
from trader.ports import AccountSink, Clock, MarketFeed, MarketSink
from trader.simulation.instant import InstantVenue, open_exchange
from trader.simulation.records.positions import DEFAULT_LEVERAGE
from trader.simulation.records.store import SimulationStore


class PaperVenue:
    """A market feed and an exchange in one (ports `MarketFeed` and `Exchange`).

    Requests and queries arrive `latency_s` (real seconds) after they are made, in the order they were made, and meet
    the book of that moment. `store` is a path (opened and closed here), an open store, or None: nothing is kept.
    `opening_balances` count only for a fresh store. Perpetuals get a margined account; raises `Misconfigured` for spot
    pairs and perpetuals together.
    """

    can_replace = True

    def __init__(
        self,
        feed: MarketFeed,
        instruments: Mapping[str, Instrument],
        clock: Clock,
        *,
        opening_balances: Mapping[str, Decimal],
        store: SimulationStore | Path | None = None,
        latency_s: float = 0.05,
        leverage: int = DEFAULT_LEVERAGE,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._latency_s = latency_s
        self._own_store = SimulationStore(store) if isinstance(store, Path) else None
        self._line = asyncio.Lock()  # fair: whoever asks first arrives first
        self._sinks: list[AccountSink] = []
        self._is_closed = False
        kept = self._own_store if isinstance(store, Path) else store
        self.exchange = open_exchange(
            instruments, opening_balances, first_ms=clock.now_ms(), store=kept, leverage=leverage
        )
        self._instant = InstantVenue(self.exchange, instruments, clock)

    # --- the feed -----------------------------------------------------------------------------------------------

    async def instruments(self) -> Mapping[str, Instrument]:
        return await self._feed.instruments()

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        return await self._feed.candles(symbol, timeframe, since_ms, limit)

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        return await self._feed.funding(symbol, since_ms)

    async def run(self, sink: MarketSink) -> None:
        """Pass every event on, then match against it: what it causes is told after it."""

        def pass_on(event: MarketEvent) -> None:
            sink(event)
            self._match(event)

        await self._feed.run(pass_on)

    def _match(self, event: MarketEvent) -> None:
        try:
            self._instant.on_market(event)
        except InvariantBroken as error:  # the store failed; what happened is written with the next change
            for sink in tuple(self._sinks):
                sink(AccountUnreachable(reason=str(error)))

    # --- the exchange -------------------------------------------------------------------------------------------

    async def submit(self, order: Approved) -> OrderReport:
        """Raises `Unavailable` while the market of the symbol is not known, `OutcomeUnknown` if the store fails."""
        async with self._arrival(OutcomeUnknown):
            return self._instant.submit(order)

    async def replace(self, old: OrderRef, order: Approved) -> tuple[OrderReport, OrderReport]:
        async with self._arrival(OutcomeUnknown):
            return self._instant.replace(old, order)

    async def cancel(self, ref: OrderRef) -> OrderReport:
        async with self._arrival(OutcomeUnknown):
            return self._instant.cancel(ref)

    async def order(self, ref: OrderRef) -> OrderReport | None:
        """The order with all its fills."""
        async with self._arrival(Unavailable):
            return self._instant.order(ref)

    async def open_orders(self) -> list[OrderReport]:
        async with self._arrival(Unavailable):
            return self._instant.open_orders()

    async def fills(self, symbol: str, since_ms: int) -> list[Fill]:
        async with self._arrival(Unavailable):
            return self._instant.fills(symbol, since_ms)

    async def balances(self) -> list[Balance]:
        async with self._arrival(Unavailable):
            return self._instant.balances()

    async def positions(self) -> list[Position]:
        """Those in perpetuals; spot positions live in the balances."""
        async with self._arrival(Unavailable):
            return self._instant.positions()

    async def payments(self, since_ms: int) -> list[Payment]:
        async with self._arrival(Unavailable):
            return self._instant.payments(since_ms)

    async def run_account(self, sink: AccountSink) -> None:
        """Tell every change from now on, until cancelled. A fill comes before the report that counts it."""
        unsubscribe = self._instant.subscribe(sink)
        self._sinks.append(sink)
        try:
            await asyncio.Event().wait()
        finally:
            unsubscribe()
            self._sinks.remove(sink)

    async def clock_offset_ms(self) -> float:
        return 0.0

    async def close(self) -> None:
        """Store everything, release the file and the feed. Safe to call twice."""
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.exchange.checkpoint()
        finally:
            if self._own_store is not None:
                self._own_store.close()
            await self._feed.close()

    # --- the way there ------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _arrival(self, not_stored: type[OutcomeUnknown] | type[Unavailable]) -> AsyncIterator[None]:
        """Wait for the latency; what is done inside happens at the exchange, in the order of asking.

        Cancelled before the arrival, a request never left. A store that cannot be written is told as `not_stored`.
        """
        loop = asyncio.get_running_loop()
        arrives_at = loop.time() + self._latency_s
        async with self._line:
            await asyncio.sleep(max(0.0, arrives_at - loop.time()))
            if self._is_closed:
                raise Unavailable("the paper venue is closed; the request never left")
            try:
                yield
            except InvariantBroken as error:
                raise not_stored(str(error)) from error
