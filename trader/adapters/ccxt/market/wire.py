"""Raw public messages read directly, where that is cheaper and tells more than ccxt's parsers.

ccxt spends 20 to 50 us on a trade or candle, keeps only the last 1,000 trades, and drops the flag that says a candle
is final. Exchanges without an entry in `DECODERS` go through ccxt's parsers and the taps on its caches.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from trader.market.candles import Row


class TradeSeen(NamedTuple):
    """A public trade, still under the exchange's own market id."""

    market_id: str
    trade_id: str
    ts_ms: int
    price: float
    quantity: float
    buyer_is_taker: bool


class CandleSeen(NamedTuple):
    """The newest state of a candle; `is_final` when the exchange says that it will not change again."""

    market_id: str
    timeframe: str  # in the exchange's words
    row: Row
    is_final: bool


Decoder = Callable[[Any], TradeSeen | CandleSeen | None]


def binance(message: Any) -> TradeSeen | CandleSeen | None:
    """Binance `trade` and `kline` events; None for everything else."""
    if type(message) is not dict:
        return None
    kind = message.get("e")
    if kind == "trade":
        return TradeSeen(
            message["s"], str(message["t"]), message["T"], float(message["p"]), float(message["q"]), not message["m"]
        )
    if kind == "kline":
        k = message["k"]
        row = Row(k["t"], float(k["o"]), float(k["h"]), float(k["l"]), float(k["c"]), float(k["v"]))
        return CandleSeen(k["s"], k["i"], row, k["x"])
    return None


DECODERS: dict[str, Decoder] = {"binance": binance, "binanceus": binance, "binanceusdm": binance}
