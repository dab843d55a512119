"""The faults that are active now, and how often each has acted. Who serves asks here what to spoil."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec
import structlog
from aiohttp import web

from trader.sandbox.faults.kinds import (
    ACCOUNT,
    USDM_PREFIX,
    AccountGap,
    Delist,
    DuplicateUpdates,
    Fault,
    Maintenance,
    ReorderUpdates,
    RequestFault,
    Silence,
    SkipUpdates,
    StreamFault,
    ThinBook,
)

log = structlog.get_logger("sandbox.faults")

_REMEMBERED = 1_000  # faults that the listing still knows
_LIMITED = (SkipUpdates, DuplicateUpdates, ReorderUpdates, AccountGap)


class Effects(Protocol):
    """What beginning and ending a fault does at once to the running exchange."""

    def begin(self, fault: Fault) -> int:
        """How many were hit. Raises `Misconfigured` for a symbol that is not listed."""

    def end(self, fault: Fault) -> None: ...


class Active:
    """One fault since it was begun."""

    def __init__(self, number: int, fault: Fault) -> None:
        self.number = number
        self.fault = fault
        self.acted = 0
        self.is_active = True
        self.timer: asyncio.TimerHandle | None = None
        self.held: dict[str, object] = {}  # stream -> message that waits for the next one

    def listed(self) -> dict[str, object]:
        return {
            "id": self.number, "is_active": self.is_active, "acted": self.acted,
            "kind": self.fault.__struct_config__.tag, **msgspec.to_builtins(self.fault),
        }  # fmt: skip


class Faults:
    """Every fault of one sandbox. Needs a running loop; `effects` is set once the exchange stands."""

    def __init__(self) -> None:
        self.effects: Effects | None = None
        self._all: deque[Active] = deque(maxlen=_REMEMBERED)
        self._active: list[Active] = []
        self._streams: list[tuple[Active, StreamFault | Delist]] = []
        self._sockets: dict[int, web.Request] = {}  # by identity: a request has no hash
        self._number = 0

    # --- what is active ---

    def begin(self, fault: Fault) -> Active:
        """From now on. Raises `Misconfigured` when it cannot be."""
        acted = self.effects.begin(fault) if self.effects is not None else 0
        self._number += 1
        active = Active(self._number, fault)
        active.acted = acted
        self._all.append(active)
        self._active.append(active)
        if isinstance(fault, StreamFault | Delist):
            self._streams.append((active, fault))
        log.info("fault.begun", id=active.number, acted=acted, **_words(fault))
        for_s = getattr(fault, "for_s", 0.0)
        if fault.is_instant:
            self.end(active)
        elif for_s:
            active.timer = asyncio.get_running_loop().call_later(for_s, self.end, active)
        return active

    def end(self, active: Active) -> None:
        """No more. Safe to call twice."""
        if not active.is_active:
            return
        active.is_active = False
        self._active.remove(active)
        self._streams = [each for each in self._streams if each[0] is not active]
        if active.timer is not None:
            active.timer.cancel()
        if self.effects is not None:
            self.effects.end(active.fault)
        if not active.fault.is_instant:
            log.info("fault.ended", id=active.number, acted=active.acted, **_words(active.fault))

    def clear(self) -> None:
        """End all of them."""
        for active in list(self._active):
            self.end(active)

    def end_numbered(self, number: str) -> bool:
        """End the fault of that id; whether this run had one."""
        found = [active for active in self._all if str(active.number) == number]
        for active in found:
            self.end(active)
        return bool(found)

    def listing(self) -> list[dict[str, object]]:
        """Every fault of this run, ended ones too, oldest first."""
        return [active.listed() for active in self._all]

    # --- requests ---

    def for_request(self, method: str, path: str, text: str) -> RequestFault | None:
        """The fault that hits this request; it counts as having acted."""
        for active in self._active:
            fault = active.fault
            if not isinstance(fault, RequestFault) or (fault.method and fault.method != method):
                continue
            if fault.path in path and fault.containing in text:
                self._count(active, fault.next)
                return fault
        return None

    @contextlib.contextmanager
    def connected(self, request: web.Request) -> Iterator[None]:
        """A websocket is open over this request."""
        self._sockets[id(request)] = request
        try:
            yield
        finally:
            del self._sockets[id(request)]

    def drop_sockets(self, path: str = "") -> int:
        """Cut every websocket whose path holds `path`; returns how many."""
        cut = [request for request in self._sockets.values() if path in request.path]
        for request in cut:
            if request.transport is not None:
                request.transport.abort()
        return len(cut)

    # --- streams ---

    def frames(self, stream: str, message: object) -> Sequence[object]:
        """What is sent instead of one message. `stream`: as on the wire, or "account"; "usdm/..." on perpetuals."""
        if not self._streams:
            return (message,)
        told: list[object] = [message]
        for active, fault in self._streams:
            if _concerns(fault, stream):
                told = [frame for each in told for frame in self._spoiled(active, fault, stream, each)]
        return told

    def _spoiled(self, active: Active, fault: StreamFault | Delist, stream: str, message: object) -> Sequence[object]:
        if not active.is_active:  # used up by the frame before
            return (message,)
        if isinstance(fault, ReorderUpdates):
            if stream not in active.held:
                active.held[stream] = message
                return ()
            earlier = active.held.pop(stream)
            self._count(active, fault.next)
            return (message, earlier)
        self._count(active, fault.next if isinstance(fault, _LIMITED) else 0)
        return (message, message) if isinstance(fault, DuplicateUpdates) else ()

    # --- the exchange itself ---

    @property
    def is_down(self) -> bool:
        """Maintenance."""
        return any(isinstance(active.fault, Maintenance) for active in self._active)

    def is_halted(self, symbol: str) -> bool:
        """Whether trading in `symbol` has ended."""
        return any(isinstance(active.fault, Delist) and active.fault.symbol == symbol for active in self._active)

    def refuses_order(self, symbol: str) -> bool:
        """The same, and counts the order that is refused for it."""
        halting = [a for a in self._active if isinstance(a.fault, Delist) and a.fault.symbol == symbol]
        for active in halting:
            active.acted += 1
        return bool(halting)

    def share(self, symbol: str) -> float:
        """Which part of the displayed quantities our orders can get, 0..1."""
        for active in self._active:
            if isinstance(active.fault, ThinBook) and active.fault.symbol in ("", symbol):
                return active.fault.share
        return 1.0

    def count_unanswered(self) -> None:
        """Maintenance turned a request away."""
        for active in self._active:
            if isinstance(active.fault, Maintenance):
                active.acted += 1

    def _count(self, active: Active, limit: int) -> None:
        active.acted += 1
        if limit and active.acted >= limit:
            self.end(active)


def _concerns(fault: StreamFault | Delist, stream: str) -> bool:
    match fault:
        case AccountGap():
            return stream.endswith(ACCOUNT)
        case Delist(symbol=symbol):
            pair, _, settled_in = symbol.partition(":")
            prefix = USDM_PREFIX if settled_in else ""
            return stream.startswith(f"{prefix}{pair.replace('/', '').lower()}@")
        case Silence(stream=part):
            return part in stream
        case _:
            return fault.stream in stream


def _words(fault: Fault) -> dict[str, object]:
    """Its kind and what differs from the defaults, for the log."""
    fields = {field.name: (getattr(fault, field.name), field.default) for field in msgspec.structs.fields(fault)}
    chosen = {name: str(value) for name, (value, default) in fields.items() if value != default}
    return {"kind": str(fault.__struct_config__.tag), **chosen}
