"""What the journal keeps of the state: one struct a kind, encoded under (kind, key) and read back by `decoded`."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.domain.closing import CloseReason
from trader.domain.decisions import KeepState
from trader.domain.errors import Misconfigured
from trader.domain.instrument import ZERO
from trader.domain.orders import Purpose, Side
from trader.domain.overrides import Override
from trader.domain.signals import ModelHealth, Regime, StrategyVerdict
from trader.engine.state.older import as_today
from trader.execution.algorithms.registry import AlgorithmState
from trader.execution.measured import CostTally
from trader.risk.breakers import BreakerState
from trader.risk.stops import PositionPlan


class EntryTicket(msgspec.Struct, frozen=True):
    """What an entry under way will turn into: kept until its algorithm has finished."""

    symbol: str
    side: Side
    parent_id: str
    decision_id: str
    regime: Regime
    stop_frac: float
    take_profit_frac: float | None
    horizon_end_ms: int
    strategy_id: str = "ensemble"
    has_ladder: bool = True
    adds_to: str = ""  # decision id of the plan it is a further part of
    part: int = 1
    r_frac: float | None = None  # the ladder's unit; of a ticket that versions before have kept the stop's distance
    annual_vol: float = 0.0  # that its caps were asked with; 0 in what versions before have kept


class PendingExit(msgspec.Struct, frozen=True):
    """A wish to close (part of) a position, in slices where the book is too thin for one order.

    `quantity` is the slice to sell next, `later` what the `slices` after it share. `parent_id` is empty until the
    slice is free to be sold.
    """

    symbol: str
    quantity: Decimal
    reason: CloseReason
    purpose: Purpose
    asked_ms: int
    parent_id: str = ""
    attempt: int = 0
    later: Decimal = ZERO
    slices: int = 0
    not_before_ms: int = 0
    is_urgent: bool = False
    waits: int = 0  # tries in a row that the exchange did not even look at
    decided_price: float = 0.0  # the mid when it was first asked for; 0: not known
    decided_ms: int = 0

    @property
    def total(self) -> Decimal:
        """Base quantity to sell in all, what waits for later slices included."""
        return self.quantity + self.later


class OpenedKept(msgspec.Struct, frozen=True):
    """When the ledger began."""

    opened_ms: int


class DustKept(msgspec.Struct, frozen=True):
    """Currency -> quantity too small to be sold."""

    amounts: dict[str, Decimal]


class ModelCame(msgspec.Struct, frozen=True):
    """Since when a model is in use; what was traded by another one before says nothing of it."""

    model_id: str
    since_ms: int


class RegimeKept(msgspec.Struct, frozen=True):
    """The regime of a symbol, which changes only beyond its hysteresis."""

    regime: Regime


KEPT_TYPES: Mapping[str, object] = {
    "plan": PositionPlan,
    "algorithm": AlgorithmState,
    "ticket": EntryTicket,
    "exit": PendingExit,
    "regime": RegimeKept,
    "breakers": BreakerState,
    "opened": OpenedKept,
    "dust": DustKept,
    "health": ModelHealth,
    "model": ModelCame,
    "override": Override,
    "verdict": StrategyVerdict,
    "costs": CostTally,
}
_ENCODER = msgspec.msgpack.Encoder()


def decoded(kind: str, key: str, blob: bytes) -> object:
    """One remembered part of the state. Raises `Misconfigured`, naming it, when this version cannot read it.

    Leaving it out would be worse than not starting: what it says would be overwritten or forgotten.
    """
    if kind not in KEPT_TYPES:
        raise Misconfigured(
            f"the ledger holds state of kind {kind!r} (key {key!r}), which this version does not know; "
            "start the newer version that wrote it, or restore the backup from before it"
        )
    try:
        raw = msgspec.msgpack.decode(blob)
        return msgspec.convert(as_today(kind, raw), KEPT_TYPES[kind])
    except (msgspec.DecodeError, TypeError, ValueError) as error:
        raise Misconfigured(
            f"the ledger's state of kind {kind!r} (key {key!r}) cannot be read: {error}; "
            "start the version that wrote it, or restore a backup"
        ) from error


def kept(kind: str, key: str, value: msgspec.Struct | None) -> KeepState:
    """The decision that remembers (or, with None, forgets) one part of the state."""
    return KeepState(kind, key, None if value is None else _ENCODER.encode(value))
