"""Market stream messages in the words of Binance USD-M."""

from trader.sandbox.binance.protocol.ticker import DayStatistics
from trader.sandbox.market.mark import MarkPrice
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import PublicTrade, ServedDiff, SymbolMarket

_SPOT_ONLY = ("x", "b", "B", "a", "A")  # of the large ticker


class UsdmMessages:
    """Like spot, with the matching engine's time `T` and the previous update id `pu`."""

    slow_depths: tuple[str, ...] = ("depth", "depth@500ms")

    def depth(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> dict[str, object]:
        return {
            "e": "depthUpdate", "E": now_ms, "T": now_ms, "s": market.id, "ps": market.id, "st": 1, "U": diff.first,
            "u": diff.last, "pu": diff.previous, "b": diff.bids, "a": diff.asks,
        }  # fmt: skip

    def partial(self, market: SymbolMarket, depth: int, now_ms: int) -> dict[str, object]:
        bids, asks = market.book.pairs(depth)
        last = market.book.update_id
        return {
            "e": "depthUpdate", "E": now_ms, "T": now_ms, "s": market.id, "ps": market.id, "st": 1, "U": last,
            "u": last, "pu": last - 1, "b": bids, "a": asks,
        }  # fmt: skip

    def best(self, market: SymbolMarket, now_ms: int) -> dict[str, object]:
        update_id, best = market.best()
        return {
            "e": "bookTicker", "u": update_id, "E": now_ms, "T": now_ms, "s": market.id, "ps": market.id,
            "st": 1, "b": best.bid, "B": best.bid_quantity, "a": best.ask, "A": best.ask_quantity,
        }  # fmt: skip

    def trade(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]:
        return {
            "e": "trade", "E": trade.told_ms, "T": trade.ts_ms, "s": market.id, "t": trade.trade_id,
            "p": text(trade.price), "q": text(trade.quantity), "X": trade.kind, "m": not trade.buyer_is_taker, "st": 1,
        }  # fmt: skip

    def aggregate(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]:
        return {
            "e": "aggTrade", "E": trade.told_ms, "s": market.id, "a": trade.trade_id, "p": text(trade.price),
            "q": text(trade.quantity), "f": trade.trade_id, "l": trade.trade_id, "T": trade.ts_ms,
            "m": not trade.buyer_is_taker, "st": 1,
        }  # fmt: skip

    def day(self, market: SymbolMarket, day: DayStatistics) -> dict[str, object]:
        event = day.event(market.id, market.book.best(), market.last_quantity)
        return {name: value for name, value in event.items() if name not in _SPOT_ONLY} | {"st": 1}


def mark_event(symbol_id: str, price: MarkPrice, now_ms: int) -> dict[str, object]:
    """A `markPriceUpdate` message."""
    return {
        "e": "markPriceUpdate", "E": now_ms, "s": symbol_id, "p": text(price.mark), "i": text(price.index),
        "P": text(price.index), "r": text(price.rate), "T": price.next_funding_ms, "st": 1,
    }  # fmt: skip
