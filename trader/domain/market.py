"""What the market tells: candles, books, quotes, trades. Prices and sizes are float64; times are ms UTC."""

import msgspec

from trader.domain.errors import Misconfigured
from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS

_UNIT_MS = {"s": 1_000, "m": MINUTE_MS, "h": HOUR_MS, "d": DAY_MS}


def timeframe_ms(timeframe: str) -> int:
    """Length of `timeframe` ("1m", "15m", "1h", "1d") in milliseconds."""
    number, unit = timeframe[:-1], timeframe[-1:]
    if not number.isdigit() or int(number) == 0 or unit not in _UNIT_MS:
        raise Misconfigured(f"timeframe {timeframe!r} is not a number followed by s, m, h or d (for example 15m)")
    return int(number) * _UNIT_MS[unit]


class Candle(msgspec.Struct, frozen=True):
    """A closed candle, known by its open time. `is_gap`: the exchange had no trade, so it is flat at the last close."""

    symbol: str
    open_ms: int
    close_ms: int  # first millisecond after the candle
    open: float
    high: float
    low: float
    close: float
    volume: float  # base
    is_gap: bool = False


Levels = tuple[tuple[float, float], ...]  # (price, quantity), best first


class Book(msgspec.Struct, frozen=True):
    """The top of an order book, best level first. Both sides are non-empty and not crossed."""

    symbol: str
    ts_ms: int  # exchange time of the update, or arrival if the exchange gives none
    bids: Levels
    asks: Levels

    @property
    def bid(self) -> float:
        """The best bid, quote."""
        return self.bids[0][0]

    @property
    def ask(self) -> float:
        """The best ask, quote."""
        return self.asks[0][0]

    @property
    def mid(self) -> float:
        """Halfway between best bid and ask, quote."""
        return (self.bids[0][0] + self.asks[0][0]) / 2

    @property
    def spread_frac(self) -> float:
        """(ask - bid) / mid, >= 0."""
        return (self.ask - self.bid) / self.mid


class FundingRate(msgspec.Struct, frozen=True):
    """What longs of a perpetual paid to shorts at one settlement, as a fraction of the position; may be negative."""

    symbol: str
    ts_ms: int  # of the settlement
    rate: float


class Trade(msgspec.Struct, frozen=True):
    """One public trade; `buyer_is_taker` says who crossed the spread."""

    symbol: str
    ts_ms: int
    trade_id: str
    price: float
    quantity: float
    buyer_is_taker: bool
