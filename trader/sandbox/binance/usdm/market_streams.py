"""What the market streams of the perpetual exchange tell: those of every exchange of Binance, and mark prices."""

from trader.sandbox.binance.protocol.market_streams import MarketStreams, Publisher
from trader.sandbox.binance.usdm.messages import UsdmMessages, mark_event
from trader.sandbox.market.perpetual import PerpetualMarket

_MARK_STREAMS = ("markPrice", "markPrice@1s")


class UsdmMarketStreams(MarketStreams):
    """The audience of the perpetuals."""

    def __init__(self, market: PerpetualMarket, publisher: Publisher) -> None:
        super().__init__(market, publisher, UsdmMessages())
        self._perpetuals = market

    def slowly_ticked(self, now_ms: int) -> None:
        super().slowly_ticked(now_ms)
        everybody = [f"!{name.replace('Price', 'Price@arr')}" for name in _MARK_STREAMS]
        wanted = any(self._publisher.wants(name) for name in everybody)
        told = []
        for market in self._perpetuals.symbols.values():
            names = [name for each in _MARK_STREAMS if self._publisher.wants(name := f"{market.stream}@{each}")]
            if not names and not wanted:
                continue
            event = mark_event(market.id, self._perpetuals.price_of(market, now_ms), now_ms)
            for name in names:
                self._publisher.publish(name, event)
            told.append(event)
        for name in everybody:
            self._tell(name, told)
