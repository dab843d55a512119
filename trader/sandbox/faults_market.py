"""Faults of the exchange itself: its clock, its matching, its listings, its connections."""

from msgspec.structs import replace as altered

from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument
from trader.domain.market import Levels
from trader.sandbox.faults import (
    ACCOUNT,
    USDM_PREFIX,
    ClockSkew,
    Delist,
    DropSockets,
    EndAccountStream,
    Fault,
    FiltersChanged,
    LoseSubscription,
    Maintenance,
    RefuseConnections,
    ThinBook,
)
from trader.sandbox.faults_active import Faults
from trader.sandbox.faults_gate import Gate
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.usdm.userfeed import UsdmUserFeed
from trader.sandbox.userfeed import UserFeed
from trader.sandbox.venue import Venue
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


class VenueEffects:
    """What beginning and ending a fault does at once."""

    def __init__(self, venue: Venue, faults: Faults, gate: Gate) -> None:
        self._venue = venue
        self._faults = faults
        self._gate = gate

    def begin(self, fault: Fault) -> int:
        self._require_symbol(fault)
        match fault:
            case DropSockets(path=path):
                return self._faults.drop_sockets(path)
            case RefuseConnections(for_s=for_s):
                return self._gate.shut(for_s)
            case Maintenance():
                return self._faults.drop_sockets()
            case LoseSubscription(stream=part):
                lost = sum(hub.lose(part) for hub in (self._venue.hub, self._venue.usdm.hub))
                spot, usdm = self._feeds
                lost += spot.lose() if part in ACCOUNT else 0
                return lost + (usdm.lose() if part in USDM_PREFIX + ACCOUNT else 0)
            case EndAccountStream():
                return sum(feed.end() for feed in self._feeds)
            case FiltersChanged():
                self._change_filters(fault)
                return 1
            case ClockSkew(skew_ms=skew_ms):
                self._shift_clock(skew_ms)
                return 1
            case _:
                return 0

    def end(self, fault: Fault) -> None:
        if isinstance(fault, ClockSkew):
            self._shift_clock(-fault.skew_ms)
        elif isinstance(fault, FiltersChanged):
            self._exchange(fault.symbol).change_filters(self._instrument(fault.symbol))

    def _shift_clock(self, real_ms: float) -> None:
        clock = self._venue.clock
        clock.market_epoch_ms += real_ms * clock.speed

    def _change_filters(self, fault: FiltersChanged) -> None:
        listed = self._instrument(fault.symbol)
        self._exchange(fault.symbol).change_filters(
            altered(
                listed,
                price_tick=fault.price_tick or listed.price_tick,
                quantity_step=fault.quantity_step or listed.quantity_step,
                min_quantity=fault.min_quantity or listed.min_quantity,
                min_notional=fault.min_notional or listed.min_notional,
            )
        )

    def _require_symbol(self, fault: Fault) -> None:
        if isinstance(fault, FiltersChanged | Delist | ThinBook) and fault.symbol not in self._known(fault):
            allowed = ", ".join(self._markets)
            raise Misconfigured(f"fault symbol {fault.symbol!r}: allowed are {allowed}")

    def _known(self, fault: Fault) -> set[str]:
        return {*self._markets, *([""] if isinstance(fault, ThinBook) else [])}

    @property
    def _markets(self) -> dict[str, SymbolMarket]:
        """Of both exchanges, by unified symbol."""
        return {**self._venue.market.symbols, **self._venue.usdm.market.symbols}

    @property
    def _feeds(self) -> tuple[UserFeed, UsdmUserFeed]:
        return self._venue.user_feed, self._venue.usdm.user_feed

    def _instrument(self, symbol: str) -> Instrument:
        return self._markets[symbol].listing.instrument

    def _exchange(self, symbol: str) -> SimulatedExchange:
        return self._venue.exchange if symbol in self._venue.market.symbols else self._venue.usdm.exchange


def _thinned(levels: Levels, share: float) -> Levels:
    return tuple((price, quantity * share) for price, quantity in levels)
