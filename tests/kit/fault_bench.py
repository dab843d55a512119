"""A sandbox that can go wrong, our adapter connected to it, and everything that adapter tells."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.kit.idle_time import quiet
from tests.kit.sandbox import FaultControl, eventually, eventually_true, fault_control, market_clock, sandbox, truth
from trader.adapters.ccxt.account.exchange import CcxtExchange
from trader.adapters.ccxt.connect import Connection, connect
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.config.credentials import Credentials
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    BookUpdated,
    CandleClosed,
    FillArrived,
    InstrumentChanged,
    OrderReported,
    StreamChanged,
    StreamState,
    TradePrinted,
)
from trader.domain.instrument import Instrument
from trader.domain.market import Book, Candle
from trader.domain.orders import OrderStatus
from trader.sandbox.server.status import RunningSandbox

BTC, ETH = SYMBOLS = ("BTC/USDT", "ETH/USDT")
MINUTE_MS = 60_000
IMPATIENT: dict[str, Any] = {"candle_silence_s": 90.0, "book_silence_s": 0.8, "close_grace_s": 0.3}


class FaultBench:
    """`heard` and `told` are what market feed and account stream said, in order."""

    def __init__(self, running: RunningSandbox, connection: Connection, faults: FaultControl) -> None:
        assert connection.exchange is not None
        self.running = running
        self.connection = connection
        self.faults = faults
        self.clock = market_clock(running)
        self.feed: CcxtFeed = connection.feed
        self.exchange: CcxtExchange = connection.exchange
        self.heard: list[AnyEvent] = []
        self.told: list[AnyEvent] = []

    async def truth(self) -> dict[str, Any]:
        """The sandbox's own record."""
        return await truth(self.running)

    async def price(self, times: float, symbol: str = BTC) -> Decimal:
        last = float((await self.truth())["symbols"][symbol]["last_price"])
        return self.connection.instruments[symbol].round_price(last * times)

    # --- the feed ---

    def books(self, symbol: str = BTC) -> list[Book]:
        return [e.book for e in self.heard if isinstance(e, BookUpdated) and e.book.symbol == symbol]

    def candles(self, symbol: str = BTC) -> list[Candle]:
        return [e.candle for e in self.heard if isinstance(e, CandleClosed) and e.candle.symbol == symbol]

    def trades(self, symbol: str = BTC) -> list[str]:
        return [e.trade.trade_id for e in self.heard if isinstance(e, TradePrinted) and e.trade.symbol == symbol]

    def instruments(self) -> list[Instrument]:
        """Changed ones, as they were told."""
        return [e.instrument for e in self.heard if isinstance(e, InstrumentChanged)]

    def states(self, symbol: str = BTC) -> list[StreamState]:
        return [e.state for e in self.heard if isinstance(e, StreamChanged) and e.symbol == symbol]

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.heard.clear()
        self.told.clear()

    async def goes_on(self, symbols: Sequence[str] = SYMBOLS, *, books: int = 3, candles: int = 1) -> None:
        """From now on books and candles of `symbols` come, and their last stated condition is LIVE."""
        seen = {symbol: (len(self.books(symbol)), len(self.candles(symbol))) for symbol in symbols}
        await eventually(
            lambda: all(
                len(self.books(symbol)) >= seen[symbol][0] + books
                and len(self.candles(symbol)) >= seen[symbol][1] + candles
                and (self.states(symbol) or [StreamState.LIVE])[-1] is StreamState.LIVE
                for symbol in symbols
            )
        )

    def assert_candles_in_order(self, symbol: str = BTC) -> list[Candle]:
        """Every candle told once, one after the other."""
        candles = self.candles(symbol)
        opens = [candle.open_ms for candle in candles]
        assert opens == list(range(opens[0], opens[0] + MINUTE_MS * len(opens), MINUTE_MS))
        return candles

    async def assert_candles_true(self, symbol: str = BTC) -> None:
        """The same, and as the exchange's own record has them."""
        candles = self.assert_candles_in_order(symbol)
        opens = [candle.open_ms for candle in candles]
        await eventually(lambda: self.clock.now_ms() > candles[-1].close_ms + 2 * MINUTE_MS)
        assert await self.feed.candles(symbol, "1m", opens[0], len(candles)) == candles

    # --- the account ---

    def statuses(self, client_id: str) -> list[OrderStatus]:
        return [e.report.status for e in self.told if isinstance(e, OrderReported) and e.report.client_id == client_id]

    def filled(self, client_id: str) -> Decimal:
        """Sum of the fills told of one order."""
        fills = {e.fill.fill_id: e.fill for e in self.told if isinstance(e, FillArrived)}
        return sum((fill.quantity for fill in fills.values() if fill.client_id == client_id), Decimal(0))

    def unreachable(self) -> list[str]:
        return [e.reason for e in self.told if isinstance(e, AccountUnreachable)]


@asynccontextmanager
async def fault_bench(
    directory: Path, *, speed: float = 180.0, symbols: Sequence[str] = SYMBOLS, **options: Any
) -> AsyncIterator[FaultBench]:
    """A sandbox of two symbols (or of `symbols`) and a connection to it; nothing streams yet."""
    made: dict[str, Any] = {"symbols": tuple(symbols), "speed": speed, "history_candles": 600, **options}
    async with sandbox(directory, **made) as running, fault_control(running) as faults:
        settings = ExchangeSettings(
            id="binance",
            symbols=tuple(symbols),
            endpoint=running.endpoint,
            ca_file=running.ca_file,
            request_timeout_s=1.5,
        )
        keys = Credentials(running.api_key, running.api_secret)
        connection = await connect(settings, MarketSettings(**IMPATIENT), market_clock(running), keys)
        try:
            yield FaultBench(running, connection, faults)
        finally:
            await connection.close()


@asynccontextmanager
async def streaming(bench: FaultBench, *, feed: bool = True, account: bool = False) -> AsyncIterator[None]:
    """The feed, the account stream, or both, running and live."""
    async with asyncio.TaskGroup() as group:
        tasks = []
        if feed:
            tasks.append(group.create_task(bench.feed.run(bench.heard.append)))
            await eventually(lambda: all(StreamState.LIVE in bench.states(symbol) for symbol in SYMBOLS))
        if account:
            tasks.append(group.create_task(bench.exchange.run_account(bench.told.append)))
            await _subscribed(bench)
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def _subscribed(bench: FaultBench) -> None:
    """The account stream stands: a deposit is heard of."""

    async def is_heard() -> bool:
        await bench.faults.deposit("DUST", "1")
        return bool(bench.told)

    await eventually_true(is_heard)
    await quiet()
    bench.told.clear()
