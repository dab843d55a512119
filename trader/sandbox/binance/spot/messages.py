"""Market stream messages in the words of Binance spot."""

from trader.sandbox.binance.protocol.ticker import DayStatistics
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import PublicTrade, ServedDiff, SymbolMarket


class SpotMessages:
    """Binance spot."""

    slow_depths: tuple[str, ...] = ("depth",)

    def depth(self, market: SymbolMarket, diff: ServedDiff, now_ms: int) -> dict[str, object]:
        return {
            "e": "depthUpdate", "E": now_ms, "s": market.id, "U": diff.first, "u": diff.last, "b": diff.bids,
            "a": diff.asks,
        }  # fmt: skip

    def partial(self, market: SymbolMarket, depth: int, now_ms: int) -> dict[str, object]:
        bids, asks = market.book.pairs(depth)
        return {"lastUpdateId": market.book.update_id, "bids": bids, "asks": asks}

    def best(self, market: SymbolMarket, now_ms: int) -> dict[str, object]:
        update_id, best = market.best()
        return {
            "u": update_id, "s": market.id, "b": best.bid, "B": best.bid_quantity, "a": best.ask,
            "A": best.ask_quantity,
        }  # fmt: skip

    def trade(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]:
        return {
            "e": "trade", "E": trade.told_ms, "s": market.id, "t": trade.trade_id, "p": text(trade.price),
            "q": text(trade.quantity), "T": trade.ts_ms, "m": not trade.buyer_is_taker, "M": True,
        }  # fmt: skip

    def aggregate(self, market: SymbolMarket, trade: PublicTrade) -> dict[str, object]:
        return {
            "e": "aggTrade", "E": trade.told_ms, "s": market.id, "a": trade.trade_id, "p": text(trade.price),
            "q": text(trade.quantity), "f": trade.trade_id, "l": trade.trade_id, "T": trade.ts_ms,
            "m": not trade.buyer_is_taker, "M": True,
        }  # fmt: skip

    def day(self, market: SymbolMarket, day: DayStatistics) -> dict[str, object]:
        return day.event(market.id, market.book.best(), market.last_quantity)
