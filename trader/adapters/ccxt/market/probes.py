"""Whether the exchange has market data newer than what a silent stream told: one small REST request each."""

from collections.abc import Callable
from typing import Any

from trader.adapters.ccxt.market.watchdog import Channel
from trader.adapters.ccxt.transport.client import Client
from trader.domain.errors import InvariantBroken, Unavailable
from trader.domain.market import Levels, Trade, timeframe_ms
from trader.market.candles import Row
from trader.market.quality import Part

SETTLED_S = 1.0  # a trade younger than this may still be on its way to us
BOOK_LEVELS = 20
TRADES = 20


class Probes:
    """Remembers what the streams told last, to compare with."""

    def __init__(self, client: Client, timeframe: str, *, top: Callable[[str], tuple[Levels, Levels] | None]) -> None:
        self._client = client
        self._timeframe = timeframe
        self._top = top
        self._began_ms = client.time.now_ms()
        self._rows: dict[str, Row] = {}
        self._trade_ms: dict[str, int] = {}

    def note_row(self, symbol: str, row: Row) -> None:
        self._rows[symbol] = row

    def note_trade(self, trade: Trade) -> None:
        self._trade_ms[trade.symbol] = trade.ts_ms

    async def is_behind(self, channel: Channel) -> bool:
        """Whether the stream of `channel` missed something. Raises `Unavailable` or `Rejected`."""
        try:
            match channel.part:
                case Part.BOOKS:
                    return await self._book_is_behind(channel.symbol)
                case Part.TRADES:
                    return await self._trades_are_behind(channel.symbol)
                case Part.TICKING:
                    return await self._candles_are_behind(channel.symbol)
                case Part.CLOSED | Part.LISTING:
                    raise InvariantBroken(f"{channel.part} have no stream that could be behind")
        except (LookupError, TypeError, ValueError) as error:
            raise Unavailable(f"{channel.symbol}: {channel.part} answer not understood: {error!r}") from None

    async def _book_is_behind(self, symbol: str) -> bool:
        book: Any = await self._client.read("fetch_order_book", symbol, BOOK_LEVELS)
        best = [tuple(float(value) for value in side[0][:2]) for side in (book["bids"], book["asks"])]
        told = self._top(symbol)
        return told is None or best != [told[0][0], told[1][0]]

    async def _trades_are_behind(self, symbol: str) -> bool:
        trades: Any = await self._client.read("fetch_trades", symbol, None, TRADES)
        known_ms = self._trade_ms.get(symbol, self._began_ms)
        settled_ms = self._client.time.now_ms() - SETTLED_S * 1000 * self._client.time.speed
        newer = [ts_ms for trade in trades if (ts_ms := int(trade["timestamp"])) > known_ms]
        return len(newer) >= TRADES or any(ts_ms <= settled_ms for ts_ms in newer)

    async def _candles_are_behind(self, symbol: str) -> bool:
        length_ms = timeframe_ms(self._timeframe)
        since_ms = (self._client.time.now_ms() // length_ms - 2) * length_ms
        answer: Any = await self._client.read("fetch_ohlcv", symbol, self._timeframe, since_ms, 3)
        traded = [(int(row[0]), float(row[5])) for row in answer if float(row[5]) > 0]
        known = self._rows.get(symbol)
        return bool(traded) and (known is None or max(traded) > (known.open_ms, known.volume))
