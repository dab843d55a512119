"""Which `watch_*` calls carry which symbols at one exchange: one call for many where it can, else one each."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from trader.adapters.ccxt.transport.streams import Stream
from trader.adapters.ccxt.transport.taps import CandleTap, TradeTap
from trader.market.quality import Part

SYMBOLS_AT_ONCE = 100

OnTrade = Callable[[str, Any], None]
OnRow = Callable[[str, Any], None]


def streams_of(
    raw: Any,
    symbols: Sequence[str],
    *,
    timeframe: str,
    book_levels: int | None,
    taps: tuple[OnTrade, OnRow] | None,
    on_lost: Callable[[str], None],
) -> dict[Part, list[Stream]]:
    """Streams by what they carry (books, trades, ticking candles); what the exchange does not stream has none.

    `taps` (on_trade, on_row) are told every trade dict and candle row that ccxt parses; None when messages are
    consumed before ccxt sees them.
    """
    make = _Maker(raw, on_lost)
    klines = [[symbol, timeframe] for symbol in symbols]

    def tap(some: Sequence[str]) -> None:
        if taps is not None:
            _seed_taps(raw, some, timeframe, *taps)

    return {
        Part.TICKING: make.together("OHLCV", "ohlcv", symbols, klines, tap, alone=(timeframe,)),
        Part.TRADES: make.together("Trades", "trades", symbols, list(symbols), tap, alone=()),
        Part.BOOKS: make.one_by_one("OrderBook", "order_book", symbols, (book_levels,), tap),
    }


class _Maker:
    def __init__(self, raw: Any, on_lost: Callable[[str], None]) -> None:
        self._raw = raw
        self._on_lost = on_lost

    def together(
        self,
        word: str,
        name: str,
        symbols: Sequence[str],
        arguments: Sequence[Any],
        tap: Callable[[Sequence[str]], None],
        *,
        alone: tuple[Any, ...],
    ) -> list[Stream]:
        """`watch_<name>_for_symbols` in chunks, or `watch_<name>` for each symbol."""
        if not self._can(f"watch{word}ForSymbols"):
            return self.one_by_one(word, name, symbols, (*alone, None, None), tap)
        streams = []
        for start in range(0, len(symbols), SYMBOLS_AT_ONCE):
            some, chosen = symbols[start : start + SYMBOLS_AT_ONCE], arguments[start : start + SYMBOLS_AT_ONCE]
            subscribe = self._call(f"watch_{name}_for_symbols", some, tap, (chosen, None, None))
            can_leave = self._can(f"unWatch{word}ForSymbols")
            leave = self._call(f"un_watch_{name}_for_symbols", some, _no_tap, (chosen,)) if can_leave else None
            streams.append(self._stream(name, some, subscribe, leave))
        return streams

    def one_by_one(
        self,
        word: str,
        name: str,
        symbols: Sequence[str],
        arguments: tuple[Any, ...],
        tap: Callable[[Sequence[str]], None],
    ) -> list[Stream]:
        if not self._can(f"watch{word}"):
            return []
        streams = []
        for symbol in symbols:
            subscribe = self._call(f"watch_{name}", (symbol,), tap, (symbol, *arguments))
            leave_with = (symbol, arguments[0]) if name == "ohlcv" else (symbol,)
            can_leave = self._can(f"unWatch{word}")
            leave = self._call(f"un_watch_{name}", (symbol,), _no_tap, leave_with) if can_leave else None
            streams.append(self._stream(name, (symbol,), subscribe, leave))
        return streams

    def _can(self, ability: str) -> bool:
        return bool(self._raw.has.get(ability))

    def _call(
        self, method: str, symbols: Sequence[str], tap: Callable[[Sequence[str]], None], arguments: tuple[Any, ...]
    ) -> Callable[[], Awaitable[Any]]:
        async def call() -> Any:
            tap(symbols)
            # ccxt writes into the dict it gets: each call has its own
            return await getattr(self._raw, method)(*arguments, {})

        return call

    def _stream(
        self,
        name: str,
        symbols: Sequence[str],
        subscribe: Callable[[], Awaitable[Any]],
        leave: Callable[[], Awaitable[Any]] | None,
    ) -> Stream:
        return Stream(name, symbols, subscribe=subscribe, unsubscribe=leave, on_lost=self._on_lost)


def _seed_taps(raw: Any, symbols: Iterable[str], timeframe: str, on_trade: OnTrade, on_row: OnRow) -> None:
    """Put our caches where ccxt looks for its own. It drops them on unsubscribing, so this is done before each call."""
    for symbol in symbols:
        if not isinstance(raw.trades.get(symbol), TradeTap):
            raw.trades[symbol] = TradeTap(partial(on_trade, symbol))
        rows: Mapping[str, Any] = raw.ohlcvs.get(symbol) or {}
        if not isinstance(rows.get(timeframe), CandleTap):
            raw.ohlcvs[symbol] = {**rows, timeframe: CandleTap(partial(on_row, symbol))}


def _no_tap(_symbols: Sequence[str]) -> None:
    return None
