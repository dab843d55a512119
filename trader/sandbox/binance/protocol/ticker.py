"""The last 24 hours of a symbol, and events about candles, as Binance writes them."""

from trader.domain.units import DAY_MS
from trader.sandbox.market.numbers import text
from trader.sandbox.market.orderbook import BestQuote
from trader.sandbox.market.source import Floats
from trader.sandbox.market.symbol_market import SymbolMarket


def kline_row(row: Floats, length_ms: int) -> list[int | str]:
    """One element of a klines answer from a candle row (len(COLUMNS),)."""
    open_ms, o, h, l, c, volume, quote, trades, taker_base, taker_quote = row.tolist()  # noqa: E741 - the four names
    return [
        int(open_ms), text(o), text(h), text(l), text(c), text(volume), int(open_ms) + length_ms - 1, text(quote),
        int(trades), text(taker_base), text(taker_quote), "0",
    ]  # fmt: skip


def kline_event(
    symbol_id: str,
    interval: str,
    length_ms: int,
    row: tuple[float, ...],
    *,
    is_closed: bool,
    first_id: int,
    last_id: int,
    now_ms: int,
) -> dict[str, object]:
    """A `kline` message from a candle in the order of COLUMNS."""
    open_ms, o, h, l, c, volume, quote, trades, taker_base, taker_quote = row  # noqa: E741 - the four names
    return {
        "e": "kline",
        "E": now_ms,
        "s": symbol_id,
        "k": {
            "t": int(open_ms), "T": int(open_ms) + length_ms - 1, "s": symbol_id, "i": interval,
            "f": first_id, "L": last_id,
            "o": text(o), "c": text(c), "h": text(h), "l": text(l), "v": text(volume), "n": int(trades),
            "x": is_closed, "q": text(quote), "V": text(taker_base), "Q": text(taker_quote), "B": "0",
        },
    }  # fmt: skip


class DayStatistics:
    """Figures of the 24 hours before `now_ms`."""

    def __init__(self, market: SymbolMarket, now_ms: int) -> None:
        series, base_ms = market.series, market.series.base_ms
        rows = series.window(base_ms, start_ms=now_ms - DAY_MS, end_ms=None, limit=DAY_MS // base_ms + 1)
        rows = rows if len(rows) else series.newest
        self.open_ms, self.close_ms = int(rows[0, 0]), now_ms
        self.open, self.last = float(rows[0, 1]), float(rows[-1, 4])
        self.high, self.low = float(rows[:, 2].max()), float(rows[:, 3].min())
        self.volume, self.quote_volume = round(float(rows[:, 5].sum()), 8), round(float(rows[:, 6].sum()), 8)
        self.count = int(rows[:, 7].sum())
        self.first_id = market.first_trade_id(rows[0, 0])

    @property
    def average(self) -> float:
        return round(self.quote_volume / self.volume, 8) if self.volume else self.last

    @property
    def change(self) -> float:
        return round(self.last - self.open, 8)

    @property
    def change_percent(self) -> str:
        return f"{100.0 * (self.last / self.open - 1.0):.3f}"

    def mini_event(self, symbol_id: str) -> dict[str, object]:
        """A `24hrMiniTicker` message."""
        return {
            "e": "24hrMiniTicker", "E": self.close_ms, "s": symbol_id, "c": text(self.last), "o": text(self.open),
            "h": text(self.high), "l": text(self.low), "v": text(self.volume), "q": text(self.quote_volume),
        }  # fmt: skip

    def event(self, symbol_id: str, quote: BestQuote, last_quantity: str) -> dict[str, object]:
        """A `24hrTicker` message."""
        return {
            "e": "24hrTicker", "E": self.close_ms, "s": symbol_id, "p": text(self.change), "P": self.change_percent,
            "w": text(self.average), "x": text(self.open), "c": text(self.last), "Q": last_quantity,
            "b": quote.bid, "B": quote.bid_quantity, "a": quote.ask, "A": quote.ask_quantity,
            "o": text(self.open), "h": text(self.high), "l": text(self.low), "v": text(self.volume),
            "q": text(self.quote_volume), "O": self.open_ms, "C": self.close_ms, "F": self.first_id,
            "L": self.first_id + self.count - 1, "n": self.count,
        }  # fmt: skip

    def answer(self, symbol_id: str, quote: BestQuote, last_quantity: str) -> dict[str, object]:
        """One element of a ticker/24hr answer."""
        return {
            "symbol": symbol_id, "priceChange": text(self.change), "priceChangePercent": self.change_percent,
            "weightedAvgPrice": text(self.average), "prevClosePrice": text(self.open), "lastPrice": text(self.last),
            "lastQty": last_quantity, "bidPrice": quote.bid, "bidQty": quote.bid_quantity, "askPrice": quote.ask,
            "askQty": quote.ask_quantity, "openPrice": text(self.open), "highPrice": text(self.high),
            "lowPrice": text(self.low), "volume": text(self.volume), "quoteVolume": text(self.quote_volume),
            "openTime": self.open_ms, "closeTime": self.close_ms, "firstId": self.first_id,
            "lastId": self.first_id + self.count - 1, "count": self.count,
        }  # fmt: skip
