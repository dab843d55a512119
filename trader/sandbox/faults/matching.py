"""Faults of matching: what a market's events become before they reach an exchange."""

from trader.domain.market import Levels
from trader.sandbox.faults.active import Faults
from trader.simulation.exchange import SimulatedExchange


class SpoiledMatching:
    """What reaches the matching of the market's events."""

    def __init__(self, exchange: SimulatedExchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults

    def on_book(self, symbol: str, ts_ms: int, bids: Levels, asks: Levels) -> None:
        if self._faults.is_halted(symbol):
            return
        share = self._faults.share(symbol)
        if share < 1.0:
            bids, asks = _thinned(bids, share), _thinned(asks, share)
        self._exchange.on_book(symbol, ts_ms, bids, asks)

    def on_trade(self, symbol: str, ts_ms: int, price: float, quantity: float, buyer_is_taker: bool) -> None:
        if not self._faults.is_halted(symbol):
            self._exchange.on_trade(symbol, ts_ms, price, quantity, buyer_is_taker)

    def is_watching(self, symbol: str) -> bool:
        return self._exchange.is_watching(symbol)


def _thinned(levels: Levels, share: float) -> Levels:
    return tuple((price, quantity * share) for price, quantity in levels)
