"""Faults of the exchanges themselves: their clock, their listings, their connections."""

from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace as altered

from trader.clock import ScaledClock
from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.gate import Gate
from trader.sandbox.faults.kinds import (
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
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.sandbox.sockets.hub import Hub
from trader.simulation.exchange import SimulatedExchange


class AccountFeed(Protocol):
    """The account's own stream at one exchange."""

    def lose(self) -> int:
        """Forget every subscription without a word; returns how many."""

    def end(self) -> int:
        """Tell every subscriber that its stream has ended, and forget it; returns how many."""


class Target(Protocol):
    """One exchange that faults act on."""

    @property
    def account_stream(self) -> str:
        """What faults know its account stream by."""

    @property
    def market(self) -> ServedMarket: ...
    @property
    def hub(self) -> Hub: ...
    @property
    def exchange(self) -> SimulatedExchange: ...
    @property
    def user_feed(self) -> AccountFeed: ...


class SandboxEffects:
    """What beginning and ending a fault does at once."""

    def __init__(self, targets: Sequence[Target], clock: ScaledClock, faults: Faults, gate: Gate) -> None:
        self._targets = targets
        self._clock = clock
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
                return sum(_lose(target, part) for target in self._targets)
            case EndAccountStream():
                return sum(target.user_feed.end() for target in self._targets)
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
        self._clock.market_epoch_ms += real_ms * self._clock.speed

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
        """Of every exchange, by unified symbol."""
        return {symbol: market for target in self._targets for symbol, market in target.market.symbols.items()}

    def _instrument(self, symbol: str) -> Instrument:
        return self._markets[symbol].listing.instrument

    def _exchange(self, symbol: str) -> SimulatedExchange:
        return next(target.exchange for target in self._targets if symbol in target.market.symbols)


def _lose(target: Target, part: str) -> int:
    """Of one exchange, every subscription to a stream whose name holds `part`."""
    lost = target.hub.lose(part)
    return lost + (target.user_feed.lose() if part in target.account_stream else 0)
