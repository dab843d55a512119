"""What the market streams of an exchange of Binance tell, and when. Nothing is written that nobody listens to."""

from typing import Protocol

from trader.sandbox.binance.protocol.ticker import DayStatistics, kline_event
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.symbol_market import PublicTrade, ServedDiff, SymbolMarket

_KLINE_EVERY = 3  # ticks between updates of a running candle
_PARTIAL_DEPTHS = (5, 10, 20)


class Publisher(Protocol):
    """Where market messages go."""

    def wants(self, stream: str) -> bool:
        """Whether anybody listens."""

    def publish(self, stream: str, message: object) -> None: ...


class Messages(Protocol):
    """How one exchange writes what happened. Candles and small tickers are the same everywhere (`protocol.ticker`)."""

    @property
    def slow_depths(self) -> tuple[str, ...]:
        """Endings of the depth streams that are told once in a while, not with every change."""

    def depth(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> dict[str, object]:
        """Changed levels."""

    def partial(self, market: SymbolMarket, depth: int, now_ms: int) -> dict[str, object]:
        """The best `depth` levels."""

    def best(self, market: SymbolMarket, now_ms: int) -> dict[str, object]:
        """The best bid and ask."""

    def trade(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]: ...
    def aggregate(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]: ...
    def day(self, market: SymbolMarket, day: DayStatistics) -> dict[str, object]:
        """The large ticker of the last 24 hours."""


class MarketStreams:
    """The audience of a market (`market.served_market.Audience`)."""

    def __init__(self, market: ServedMarket, publisher: Publisher, messages: Messages) -> None:
        self._market = market
        self._publisher = publisher
        self._messages = messages
        self._ticks = 0
        self._opened: set[str] = set()  # symbols whose candle began since the last kline message

    def traded(self, market: SymbolMarket, trade: PublicTrade, *, opens_candle: bool) -> None:
        messages = (("trade", self._messages.trade), ("aggTrade", self._messages.aggregate))
        for name, message in messages if trade.is_of_book else messages[:1]:
            stream = f"{market.stream}@{name}"
            if self._publisher.wants(stream):
                self._publisher.publish(stream, message(market, trade))
        if opens_candle:
            self._opened.add(market.id)

    def candle_closed(self, close_ms: int) -> None:
        for market in self._market.symbols.values():
            self._publish_klines(market, close_ms, is_closed=True)

    def book_changed(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> None:
        self._publish_depth(market, "depth@100ms", diff, now_ms)
        self._publish_partial(market, "@100ms", now_ms)
        name = f"{market.stream}@bookTicker"
        if self._publisher.wants(name):
            self._publisher.publish(name, self._messages.best(market, now_ms))

    def ticked(self, now_ms: int) -> None:
        self._ticks += 1
        everybody = self._ticks % _KLINE_EVERY == 0
        for market in self._market.symbols.values():
            if everybody or market.id in self._opened:
                self._publish_klines(market, now_ms, is_closed=False)
        self._opened.clear()

    def slow_book_changed(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> None:
        for ending in () if diff.is_empty else self._messages.slow_depths:
            self._publish_depth(market, ending, diff, now_ms)
        self._publish_partial(market, "", now_ms)

    def slowly_ticked(self, now_ms: int) -> None:
        """The 24-hour figures: one stream a symbol, and one with those of all."""
        for kind in ("miniTicker", "ticker"):
            everybody = f"!{kind}@arr"
            wanted = self._publisher.wants(everybody)
            told = []
            for market in self._market.symbols.values():
                name = f"{market.stream}@{kind}"
                if not wanted and not self._publisher.wants(name):
                    continue
                day = DayStatistics(market, now_ms)
                event = day.mini_event(market.id) if kind == "miniTicker" else self._messages.day(market, day)
                self._tell(name, event)
                told.append(event)
            self._tell(everybody, told)

    def _publish_depth(self, market: SymbolMarket, ending: str, diff: ServedDiff, now_ms: int) -> None:
        name = f"{market.stream}@{ending}"
        if self._publisher.wants(name):
            self._publisher.publish(name, self._messages.depth(market, diff, now_ms))

    def _publish_partial(self, market: SymbolMarket, ending: str, now_ms: int) -> None:
        for depth in _PARTIAL_DEPTHS:
            name = f"{market.stream}@depth{depth}{ending}"
            if self._publisher.wants(name):
                self._publisher.publish(name, self._messages.partial(market, depth, now_ms))

    def _publish_klines(self, market: SymbolMarket, now_ms: int, *, is_closed: bool) -> None:
        for interval, length in self._market.intervals.items():
            self._publish_kline(market, interval, length, now_ms, is_closed=is_closed)

    def _publish_kline(self, market: SymbolMarket, interval: str, length: int, now_ms: int, *, is_closed: bool) -> None:
        name = f"{market.stream}@kline_{interval}"
        if not self._publisher.wants(name) or not (is_closed or market.series.running):
            return
        row = market.series.current(length)
        if row is None or (is_closed and int(row[0]) + length != now_ms):
            return
        event = kline_event(
            market.id, interval, length, row, is_closed=is_closed, first_id=market.first_trade_id(row[0]),
            last_id=market.last_trade_id, now_ms=now_ms,
        )  # fmt: skip
        self._publisher.publish(name, event)

    def _tell(self, stream: str, event: object) -> None:
        if self._publisher.wants(stream):
            self._publisher.publish(stream, event)
