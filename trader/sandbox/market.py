"""The symbols of one exchange while market time passes: what matching sees of them, and what listeners are told."""

from collections.abc import Mapping
from typing import Protocol

from trader.domain.market import Levels
from trader.sandbox.candles import INTERVALS, interval_ms
from trader.sandbox.messages import Messages, SpotMessages
from trader.sandbox.symbol_market import PublicTrade, ServedDiff, SymbolMarket
from trader.sandbox.ticker import DayStatistics, kline_event

_SLOW_EVERY = 10  # ticks between messages of the channels that Binance sends once a second
_KLINE_EVERY = 3  # ticks between updates of a running candle
_PARTIAL_DEPTHS = (5, 10, 20)


class Publisher(Protocol):
    """Where market messages go."""

    def wants(self, stream: str) -> bool:
        """Whether anybody listens."""

    def publish(self, stream: str, message: object) -> None: ...


class MatchingVenue(Protocol):
    """Who matches orders against this market (`simulation.exchange.SimulatedExchange`)."""

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None: ...
    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None: ...
    def is_watching(self, symbol: str) -> bool:
        """Whether anything of the account depends on every single book of `symbol`."""


class Market:
    """The listed symbols of one exchange on a grid of base candles. A `Playback` moves them through time and tells
    this market what happened; `Market` tells everybody else."""

    def __init__(
        self,
        symbols: Mapping[str, SymbolMarket],
        venue: MatchingVenue,
        publisher: Publisher,
        base_ms: int,
        messages: Messages | None = None,
    ) -> None:
        self.base_ms = base_ms
        lengths = {name: interval_ms(name) or 0 for name in INTERVALS}
        self.intervals = {name: length for name, length in lengths.items() if length and length % base_ms == 0}
        self.symbols = symbols
        self.by_id = {market.id: market for market in symbols.values()}
        self._venue = venue
        self._publisher = publisher
        self._messages: Messages = SpotMessages() if messages is None else messages
        self._ticks = 0
        self._opened: set[str] = set()  # symbols whose candle began since the last kline message

    # --- the passing of market time ---

    def traded(self, market: SymbolMarket, trade: PublicTrade, *, opens_candle: bool) -> None:
        """Others traded, or something was settled beside the book, which no order of ours takes part in."""
        if trade.is_of_book:
            self._venue.on_trade(market.symbol, trade.told_ms, trade.price, trade.quantity, trade.buyer_is_taker)
        self._publish_trade(market, trade)
        if opens_candle:
            self._opened.add(market.id)

    def book_moved(self, market: SymbolMarket, ts_ms: int) -> None:
        """The book changed between two tellings: only who has orders in it must know."""
        if self._venue.is_watching(market.symbol):
            self._venue.on_book(market.symbol, ts_ms, *market.book.levels())

    def mark_moved(self, market: SymbolMarket, ts_ms: int) -> None:
        """Another mark price, where there are any."""

    def candle_closed(self, close_ms: int) -> None:
        """The running base candle has ended in every symbol."""
        for market in self.symbols.values():
            for interval, length in self.intervals.items():
                self._publish_kline(market, interval, length, close_ms, is_closed=True)

    def show_venue(self, now_ms: int) -> None:
        """Catching up after a pause: orders are matched against books of their time, which nobody else is told."""
        for market in self.symbols.values():
            self._venue.on_book(market.symbol, now_ms, *market.levels_at(now_ms))

    def begin(self, now_ms: int) -> None:
        """The first books."""
        self._update_books(now_ms)
        for market in self.symbols.values():
            market.update_slow_book()  # nobody has heard anything yet

    def tell(self, now_ms: int) -> None:
        """Time has come to `now_ms`: the books as they are now, and everything that is told at intervals."""
        self._ticks += 1
        self._update_books(now_ms)
        self._publish_klines(now_ms)
        if self._ticks % _SLOW_EVERY == 0:
            self._publish_slow(now_ms)

    # --- what is told ---

    def _update_books(self, now_ms: int) -> None:
        for market in self.symbols.values():
            diff = market.update_book(now_ms)
            self._venue.on_book(market.symbol, now_ms, *market.book.levels())
            if diff.is_empty:
                continue
            self._publish_depth(market, "depth@100ms", diff, now_ms)
            self._publish_partial(market, "@100ms", now_ms)
            name = f"{market.stream}@bookTicker"
            if self._publisher.wants(name):
                self._publisher.publish(name, self._messages.best(market, now_ms))

    def _publish_depth(self, market: SymbolMarket, ending: str, diff: ServedDiff, now_ms: int) -> None:
        name = f"{market.stream}@{ending}"
        if self._publisher.wants(name):
            self._publisher.publish(name, self._messages.depth(market, diff, now_ms))

    def _publish_partial(self, market: SymbolMarket, ending: str, now_ms: int) -> None:
        for depth in _PARTIAL_DEPTHS:
            name = f"{market.stream}@depth{depth}{ending}"
            if self._publisher.wants(name):
                self._publisher.publish(name, self._messages.partial(market, depth, now_ms))

    def _publish_trade(self, market: SymbolMarket, trade: PublicTrade) -> None:
        messages = (("trade", self._messages.trade), ("aggTrade", self._messages.aggregate))
        for name, message in messages if trade.is_of_book else messages[:1]:
            stream = f"{market.stream}@{name}"
            if self._publisher.wants(stream):
                self._publisher.publish(stream, message(market, trade))

    def _publish_klines(self, now_ms: int) -> None:
        everybody = self._ticks % _KLINE_EVERY == 0
        for market in self.symbols.values():
            if everybody or market.id in self._opened:
                for interval, length in self.intervals.items():
                    self._publish_kline(market, interval, length, now_ms, is_closed=False)
        self._opened.clear()

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

    def _publish_slow(self, now_ms: int) -> None:
        for market in self.symbols.values():
            diff = market.update_slow_book()
            for ending in () if diff.is_empty else self._messages.slow_depths:
                self._publish_depth(market, ending, diff, now_ms)
            self._publish_partial(market, "", now_ms)
        self._publish_days(now_ms)

    def _publish_days(self, now_ms: int) -> None:
        """The 24-hour figures: one stream a symbol, and one with those of all."""
        for kind in ("miniTicker", "ticker"):
            everybody = f"!{kind}@arr"
            wanted = self._publisher.wants(everybody)
            told = []
            for market in self.symbols.values():
                name = f"{market.stream}@{kind}"
                if not wanted and not self._publisher.wants(name):
                    continue
                day = DayStatistics(market, now_ms)
                event = day.mini_event(market.id) if kind == "miniTicker" else self._messages.day(market, day)
                self._tell(name, event)
                told.append(event)
            self._tell(everybody, told)

    def _tell(self, stream: str, event: object) -> None:
        if self._publisher.wants(stream):
            self._publisher.publish(stream, event)
