"""Faults of the exchange itself: its clock, its matching, its listings, its connections."""

from msgspec.structs import replace as altered

from trader.domain.errors import Misconfigured
from trader.domain.market import Levels
from trader.sandbox.faults import (
    ACCOUNT,
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
                return self._venue.hub.lose(part) + (self._venue.user_feed.lose() if part in ACCOUNT else 0)
            case EndAccountStream():
                return self._venue.user_feed.end()
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
            listed = self._venue.market.symbols[fault.symbol].listing.instrument
            self._venue.exchange.change_filters(listed)

    def _shift_clock(self, real_ms: float) -> None:
        clock = self._venue.clock
        clock.market_epoch_ms += real_ms * clock.speed

    def _change_filters(self, fault: FiltersChanged) -> None:
        listed = self._venue.market.symbols[fault.symbol].listing.instrument
        self._venue.exchange.change_filters(
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
            allowed = ", ".join(self._venue.market.symbols)
            raise Misconfigured(f"fault symbol {fault.symbol!r}: allowed are {allowed}")

    def _known(self, fault: Fault) -> set[str]:
        return {*self._venue.market.symbols, *([""] if isinstance(fault, ThinBook) else [])}


def _thinned(levels: Levels, share: float) -> Levels:
    return tuple((price, quantity * share) for price, quantity in levels)
