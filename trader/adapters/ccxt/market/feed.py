"""The market feed over ccxt: candles proven closed, checked books, every trade, and the truth about each stream."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from trader.adapters.ccxt.market.books import BookFlow
from trader.adapters.ccxt.market.candles import CandleFlow
from trader.adapters.ccxt.market.history import History
from trader.adapters.ccxt.market.instruments import instruments_of
from trader.adapters.ccxt.market.listings import Listings
from trader.adapters.ccxt.market.probes import Probes
from trader.adapters.ccxt.market.subscriptions import streams_of
from trader.adapters.ccxt.market.watchdog import Channel, Watchdog
from trader.adapters.ccxt.market.wire import DECODERS, CandleSeen, TradeSeen
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.streams import Stream
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.domain.errors import Misconfigured
from trader.domain.events import StreamChanged, StreamState, TradePrinted
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Candle, FundingRate, Trade, timeframe_ms
from trader.market.candles import Row, continuous
from trader.market.quality import Part, SymbolHealth
from trader.ports import MarketSink

log = structlog.get_logger("ccxt.feed")

RECONNECTED_FOR_S = 2.0

# words in the names ccxt gives its subscriptions, to find the socket of a stream
_SOCKET_WORDS = {Part.BOOKS: "book", Part.TICKING: "ohlcv", Part.TRADES: "trade"}


class CcxtFeed:
    """Implements `ports.MarketFeed`. `run` goes on where `candles` of the traded timeframe ended."""

    def __init__(self, client: Client, exchange: ExchangeSettings, market: MarketSettings) -> None:
        self._client = client
        self._raw = client.raw
        self._symbols = exchange.symbols
        self._kind = InstrumentKind.SPOT if exchange.market == "spot" else InstrumentKind.PERPETUAL
        self._market = market
        self._history = History(client, grace_s=market.close_grace_s)
        self._last: dict[str, Candle] = {}
        self.listings = Listings(client, exchange.symbols)

    async def instruments(self) -> Mapping[str, Instrument]:
        markets = await self._client.read("load_markets")
        if self._market.timeframe not in self._raw.timeframes:
            allowed = ", ".join(self._raw.timeframes)
            raise Misconfigured(f"market.timeframe {self._market.timeframe!r} is not at {self._raw.id}: {allowed}")
        return instruments_of(
            markets,
            self._symbols,
            precision_mode=self._raw.precisionMode,
            kind=self._kind,
            exchange=self._raw.id,
        )

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        length_ms = timeframe_ms(timeframe)
        since_ms = -(-max(since_ms, self._history.oldest_ms(length_ms)) // length_ms) * length_ms
        until_ms = min(since_ms + limit * length_ms, self._history.over_ms(length_ms))
        if until_ms <= since_ms:
            return []
        rows = await self._history.rows(symbol, timeframe, since_ms, until_ms)
        until_ms = min(until_ms, self._history.settled_until(rows, length_ms))
        candles = continuous(symbol, length_ms, rows, previous=None, since_ms=since_ms, until_ms=until_ms)
        newest = self._last.get(symbol)
        if candles and timeframe == self._market.timeframe and (newest is None or newest.open_ms < candles[-1].open_ms):
            self._last[symbol] = candles[-1]
        return candles

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        if self._kind is InstrumentKind.SPOT or not self._raw.has.get("fetchFundingRateHistory"):
            return []
        return await self._history.funding(symbol, since_ms)

    async def run(self, sink: MarketSink) -> None:
        if not self._raw.markets:
            await self.instruments()
        session = _Session(self._client, self._market, self.listings, self._history, self._last, sink)
        try:
            await session.run()
        finally:
            self._last.update(session.candles.last)

    async def close(self) -> None:
        await self._client.close()


class _Session:
    """One `run`: the flows, the streams and the watchdog, wired to the client's hooks."""

    def __init__(
        self,
        client: Client,
        market: MarketSettings,
        listings: Listings,
        history: History,
        last: Mapping[str, Candle],
        sink: MarketSink,
    ) -> None:
        symbols = listings.symbols
        self._client = client
        self._raw = client.raw
        self._symbols = symbols
        self._sink = sink
        self._decode = DECODERS.get(self._raw.id)
        self._loop = asyncio.get_running_loop()
        self._by_id = {self._raw.markets[symbol]["id"]: symbol for symbol in symbols}
        self._interval = self._raw.timeframes[market.timeframe]
        self._health = {symbol: SymbolHealth(Part) for symbol in symbols}
        self.candles = CandleFlow(
            history,
            symbols,
            market.timeframe,
            now_ms=client.time.now_ms,
            last=last,
            states_final=self._decode is not None,
            sink=sink,
            on_state=lambda symbol, state, reason: self._set(Part.CLOSED, symbol, state, reason),
        )
        self._books = BookFlow(
            lambda: self._raw.orderbooks,
            symbols,
            depth=market.book_depth,
            now_ms=client.time.our_ms,
            sink=sink,
            on_state=lambda symbol, state, reason: self._set(Part.BOOKS, symbol, state, reason),
            on_seen=lambda symbol: self._seen(Part.BOOKS, symbol, self._loop.time()),
            on_broken=self._rebuild,
        )
        self._streams = streams_of(
            self._raw,
            symbols,
            timeframe=market.timeframe,
            book_levels=client.facts.book_snapshot,
            taps=None if self._decode else (self._on_ccxt_trade, self._on_ccxt_row),
            on_lost=self._on_lost,
        )
        self._probes = Probes(client, market.timeframe, top=self._books.top)
        quiet_s = (timeframe_ms(market.timeframe) / 1000 + market.candle_silence_s) / client.time.speed
        self._watchdog = Watchdog(
            [Channel(part, symbol) for part, made in self._streams.items() for one in made for symbol in one.symbols],
            budgets_s={Part.BOOKS: market.book_silence_s, Part.TICKING: quiet_s, Part.TRADES: quiet_s},
            probe=self._probes.is_behind,
            renew=self._renew,
            reconnect=self._reconnect,
            on_state=lambda channel, state, reason: self._set(channel.part, channel.symbol, state, reason),
        )
        self._trade_ids: dict[str, str] = {}
        self._listings = listings
        self._redialled: dict[Stream, float] = {}
        self._group = asyncio.TaskGroup()

    async def run(self) -> None:
        def on_listing(symbol: str, state: StreamState, reason: str) -> None:
            self._set(Part.LISTING, symbol, state, reason)

        for symbol in self._symbols:
            self._set(Part.LISTING, symbol, StreamState.LIVE, "listed")
            for part in (Part.TICKING, Part.TRADES):  # silence alone says nothing; the watchdog finds out
                self._set(part, symbol, StreamState.LIVE, "subscribed")
            if not self._streams[Part.BOOKS]:
                self._set(Part.BOOKS, symbol, StreamState.LIVE, "not streamed by this exchange")
        self._client.on_message = self._on_message if self._decode else (lambda _message: False)
        self._client.after_message = self._books.touched
        self._client.on_lost = self._on_any_socket_lost
        self._client.on_unreadable = self._on_lost
        try:
            async with self._group as group:
                for made in self._streams.values():
                    for stream in made:
                        group.create_task(stream.keep(), name=f"stream {stream.name}")
                group.create_task(self.candles.run(self._fill), name="overdue candles")
                group.create_task(self._watchdog.run(group), name="watchdog")
                group.create_task(self._listings.run(self._sink, on_listing), name="listings")
        finally:
            self._client.unhook()
            self._books.stop()

    # --- what arrives -----------------------------------------------------------------------------------------

    def _on_message(self, message: Any) -> bool:
        """Take trades and candles off the wire before ccxt parses them."""
        assert self._decode is not None
        seen = self._decode(message)
        if seen is None:
            return False
        symbol = self._by_id.get(seen.market_id)
        if symbol is None:
            return False
        if type(seen) is TradeSeen:
            self._on_trade(
                Trade(symbol, seen.ts_ms, seen.trade_id, seen.price, seen.quantity, seen.buyer_is_taker),
                self._loop.time(),
            )
        elif type(seen) is CandleSeen and seen.timeframe == self._interval:
            self._on_row(symbol, seen.row, seen.is_final)
        return True

    def _on_ccxt_trade(self, symbol: str, item: Any) -> None:
        self._on_trade(
            Trade(
                symbol,
                int(item["timestamp"]),
                str(item["id"]),
                float(item["price"]),
                float(item["amount"]),
                item["side"] == "buy",
            ),
            self._loop.time(),
        )

    def _on_ccxt_row(self, symbol: str, item: Any) -> None:
        self._on_row(symbol, Row(int(item[0]), *(float(value) for value in item[1:6])), False)

    def _on_trade(self, trade: Trade, now: float) -> None:
        if self._trade_ids.get(trade.symbol) == trade.trade_id:
            return  # the same message again
        self._trade_ids[trade.symbol] = trade.trade_id
        self._books.note_trade(trade.symbol, trade.price, now)
        self._probes.note_trade(trade)
        self._seen(Part.TRADES, trade.symbol, now)
        self._sink(TradePrinted(trade=trade))

    def _on_row(self, symbol: str, row: Row, is_final: bool) -> None:
        self._seen(Part.TICKING, symbol, self._loop.time())
        self._probes.note_row(symbol, row)
        self.candles.take(symbol, row, is_final)

    # --- what goes wrong --------------------------------------------------------------------------------------

    def _seen(self, part: Part, symbol: str, now: float) -> None:
        self._watchdog.seen(Channel(part, symbol), now)
        if self._health[symbol].state_of(part) is not StreamState.LIVE:
            self._set(part, symbol, StreamState.LIVE, "data flows")
            for stream in self._streams[part]:
                stream.healthy()

    def _set(self, part: Part, symbol: str, state: StreamState, reason: str) -> None:
        changed = self._health[symbol].set(part, state, reason)
        if changed is not None:
            log.debug("stream.state", symbol=symbol, state=changed[0], reason=changed[1])
            self._sink(StreamChanged(symbol=symbol, state=changed[0], reason=changed[1]))

    def _on_any_socket_lost(self, reason: str) -> None:
        """Some socket is gone; which streams it carried, each finds out by subscribing again."""
        self._on_lost(reason)
        for made in self._streams.values():
            for stream in made:
                stream.disturb()

    def _on_lost(self, _reason: str) -> None:
        """Messages may have been lost: what the stream said last is not to be trusted."""
        self.candles.interrupt(self._symbols)

    def _fill(self, symbol: str) -> None:
        self._group.create_task(self.candles.fill(symbol), name=f"fill {symbol}")

    def _rebuild(self, symbol: str, reason: str) -> None:
        self._set(Part.BOOKS, symbol, StreamState.STALE, reason)
        if symbol not in self._raw.orderbooks:
            self._stream(Part.BOOKS, symbol).disturb()  # ccxt asks for a new snapshot by itself
            return
        self._raw.orderbooks.pop(symbol, None)
        self._group.create_task(self._rebuild_book(Channel(Part.BOOKS, symbol)), name=f"rebuild {symbol}")

    async def _rebuild_book(self, channel: Channel) -> None:
        if not await self._renew(channel):
            await self._reconnect(channel)

    async def _renew(self, channel: Channel) -> bool:
        stream = self._stream(channel.part, channel.symbol)
        if channel.part is Part.TICKING:
            self.candles.interrupt(stream.symbols)
        for symbol in stream.symbols if channel.part is Part.BOOKS else ():
            self._books.forget(symbol)
        return await stream.renew()

    async def _reconnect(self, channel: Channel) -> None:
        """Dial anew for the stream of `channel`, once for all of its symbols that ask at the same time."""
        stream, now = self._stream(channel.part, channel.symbol), self._loop.time()
        if now < self._redialled.get(stream, -RECONNECTED_FOR_S) + RECONNECTED_FOR_S:
            return
        self._redialled[stream] = now
        words = (_SOCKET_WORDS[channel.part], channel.symbol.lower())
        dropped = await self._client.drop_sockets(words=words)
        log.info("socket.dropped", kind=channel.part.value, symbol=channel.symbol, sockets=dropped)

    def _stream(self, part: Part, symbol: str) -> Stream:
        return next(stream for stream in self._streams[part] if symbol in stream.symbols)
