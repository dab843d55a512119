"""What the ledger's tests write: hypothesis strategies for any struct, and a few hand-made steps."""

from decimal import Decimal
from enum import Enum
from math import isfinite
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from trader.domain.decisions import Decision, KeepOrder, RecordDecision, SubmitOrder
from trader.domain.events import AnyEvent, TimerFired
from trader.domain.orders import Approved, Order, OrderIntent, OrderStatus, OrderType, Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import DecisionRecord, Regime, Verdict
from trader.domain.timers import TimerId, TimerKind

Struct = TypeVar("Struct", bound=msgspec.Struct)

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


def any_struct(kind: type[Struct], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Struct]:
    """Any value of a struct: every field varies within its type."""
    fields = {f.name: fixed.get(f.name, _any_of(f.type)) for f in msgspec.structs.fields(kind)}
    return st.builds(kind, **fields)


def any_reason() -> st.SearchStrategy[Reason]:
    """Any reason, with causes of its own."""
    numbers = st.dictionaries(st.text(max_size=8), st.floats(allow_nan=False) | decimals(), max_size=3)
    causes = st.lists(st.builds(because, st.sampled_from(Code), st.text(max_size=12)), max_size=2).map(tuple)

    def made(code: Code, about: str, why: tuple[Reason, ...], told: dict[str, float | Decimal]) -> Reason:
        finite = {name: number if isfinite(number) else Decimal(number) for name, number in told.items()}
        return Reason(code, finite, about, why)

    return st.builds(made, st.sampled_from(Code), st.text(max_size=12), causes, numbers)


def decimals() -> st.SearchStrategy[Decimal]:
    """Exact decimals of up to 40 digits, with every exponent an exchange could state."""
    digits = st.integers(-(10**40), 10**40)
    return st.builds(lambda number, places: Decimal(number).scaleb(-places), digits, st.integers(0, 18))


def _any_of(kind: Any) -> st.SearchStrategy[Any]:
    if kind is Decimal:
        return decimals()
    if kind is str:
        return st.text(max_size=12)
    if kind is int:
        return st.integers(-(2**53), 2**53)
    if kind is float:
        return st.floats(allow_nan=False)
    if kind is bool:
        return st.booleans()
    if kind is Reason:
        return any_reason()
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any_struct(kind)
    if get_origin(kind) is tuple:
        inner = get_args(kind)
        if inner[1:] == (...,):
            return st.lists(_any_of(inner[0]), max_size=3).map(tuple)
        return st.tuples(*(_any_of(item) for item in inner))
    if get_origin(kind) is dict:
        names, values = get_args(kind)
        return st.dictionaries(_any_of(names), _any_of(values), max_size=3)
    members = [member for member in get_args(kind) if member is not NoneType]
    return st.one_of(st.none(), *(_any_of(member) for member in members))


def an_intent(client_id: str, symbol: str = "BTC/USDT", quantity: str = "0.00100") -> OrderIntent:
    return OrderIntent(
        client_id=client_id,
        parent_id=f"p-{client_id}",
        decision_id=f"d-{client_id}",
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal(quantity),
        purpose=Purpose.ENTRY,
        price=Decimal("50000.10"),
    )


def an_order(client_id: str, status: OrderStatus = OrderStatus.OPEN, updated_ms: int = NOW_MS) -> Order:
    return Order(an_intent(client_id), status, created_ms=updated_ms, updated_ms=updated_ms)


def a_record(number: int, ts_ms: int = NOW_MS, symbol: str = "BTC/USDT") -> DecisionRecord:
    return DecisionRecord(
        decision_id=f"d-{number:06d}",
        ts_ms=ts_ms,
        symbol=symbol,
        candle_open_ms=ts_ms - 60_000,
        verdict=Verdict.SKIP,
        reasons=(
            because(Code.EDGE_BELOW_BAR, edge_bps=3.1, needed_bps=24.0),
            because(Code.NOT_CONFIRMED, "rsi_dip"),
        ),
        regime=Regime.RANGE_BOUND,
        prediction=0.00031,
        win_probability=0.5123,
        edge_bps=3.1,
        cost_bps=24.0,
        model_id="quick-1",
    )


def sending(client_id: str, seq: int) -> tuple[AnyEvent, list[Decision]]:
    """The step that decides to send one order."""
    order = an_order(client_id, OrderStatus.PENDING)
    return _event(seq), [KeepOrder(order), SubmitOrder(Approved(order.intent, NOW_MS))]


def deciding(number: int, seq: int, ts_ms: int = NOW_MS) -> tuple[AnyEvent, list[Decision]]:
    """The step that records one decision."""
    return _event(seq, ts_ms), [RecordDecision(a_record(number, ts_ms))]


def _event(seq: int, ts_ms: int = NOW_MS) -> AnyEvent:
    return TimerFired(seq=seq, ts_ms=ts_ms, timer=TimerId(TimerKind.STOP, "t"))
