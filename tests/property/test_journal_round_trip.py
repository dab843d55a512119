"""Whatever is written is read back equal, to the last digit, and the last word per key counts."""

import asyncio
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.kit.ledger import any_struct, decimals
from trader.adapters.sql import RecoveredLedger, SqlJournal, SqlLedgerReader
from trader.adapters.sql.writing import Step
from trader.domain.account import Balance, Position
from trader.domain.decisions import (
    ClosedTrade,
    Decision,
    EquitySnapshot,
    ExecutionReport,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPosition,
    KeepState,
    RecordDecision,
    RecordEquity,
    RecordExecution,
    RecordTrade,
    SubmitOrder,
)
from trader.domain.events import Ticked
from trader.domain.instrument import ZERO
from trader.domain.orders import Approved, Fill, Order, OrderStatus
from trader.domain.signals import DecisionRecord

FEW = settings(max_examples=10, deadline=None, phases=[Phase.explicit, Phase.generate])  # a shrink costs minutes
RECENT = st.integers(0, 10**9)  # within the days that are kept


def through(steps: Sequence[Step], path: Path) -> RecoveredLedger:
    """What a new journal over the file remembers after `steps` were written, each in a batch of its own."""

    async def write_and_recover() -> RecoveredLedger:
        journal = SqlJournal(path, commit_interval_s=0.001)
        for number, step in enumerate(steps):
            await journal.write([step], durable=number % 2 == 0)
        await journal.close()
        again = SqlJournal(path)
        remembered = await again.recover()
        await again.close()
        return remembered

    return asyncio.run(write_and_recover())


@FEW
@given(st.data())
def test_every_kind_of_row_is_read_as_it_was_written(data: st.DataObject) -> None:
    draw = data.draw
    orders = draw(st.lists(any_struct(Order), max_size=4))
    fills = draw(st.lists(any_struct(Fill), max_size=4, unique_by=lambda fill: (fill.symbol, fill.fill_id)))
    records = draw(st.lists(any_struct(DecisionRecord, ts_ms=RECENT), max_size=4))
    trades = draw(st.lists(any_struct(ClosedTrade), max_size=3))
    reports = draw(st.lists(any_struct(ExecutionReport), max_size=3))
    snapshots = draw(st.lists(any_struct(EquitySnapshot, ts_ms=RECENT), max_size=3))
    balances = draw(st.lists(any_struct(Balance), max_size=3))
    decisions: list[Decision] = [
        *map(KeepOrder, orders), *map(KeepFill, fills), *map(RecordDecision, records), *map(RecordTrade, trades),
        *map(RecordExecution, reports), *map(RecordEquity, snapshots), *map(KeepBalance, balances),
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ledger.sqlite"
        remembered = through([(Ticked(seq=1), [decision]) for decision in decisions], path)
        reader = SqlLedgerReader(path)

        kept = {order.client_id: order for order in orders}
        assert {order.client_id: order for order in reader.orders(limit=99)} == kept
        assert {(f.symbol, f.fill_id): f for f in reader.fills(limit=99)} == {(f.symbol, f.fill_id): f for f in fills}
        assert {r.decision_id: r for r in reader.decisions(limit=99)} == {r.decision_id: r for r in records}
        assert reader.trades(limit=99) == trades[::-1]
        assert {r.parent_id: r for r in reader.executions(limit=99)} == {r.parent_id: r for r in reports}
        assert {s.ts_ms: s for s in reader.equity(limit=99)} == {s.ts_ms: s for s in snapshots}
        assert {b.currency: b for b in remembered.balances} == {b.currency: b for b in balances}
        open_ids = {order.client_id for order in kept.values() if not order.status.is_terminal}
        assert {order.client_id for order in reader.orders(limit=99, open_only=True)} == open_ids
        assert open_ids <= {order.client_id for order in remembered.orders}


@FEW
@given(st.lists(st.tuples(st.sampled_from("AB"), st.sampled_from("xyz"), st.one_of(st.none(), st.binary(max_size=8)))))
def test_state_is_the_last_value_per_key(changes: list[tuple[str, str, bytes | None]]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        steps: list[Step] = [(Ticked(seq=n), [KeepState(*change)]) for n, change in enumerate(changes, 1)]
        remembered = through(steps, Path(directory) / "ledger.sqlite")
    expected = {(kind, key): value for kind, key, value in changes}
    assert remembered.state == {where: value for where, value in expected.items() if value is not None}
    assert remembered.last_seq == len(changes)


@FEW
@given(st.lists(st.tuples(st.sampled_from(("BTC/USDT", "ETH/USDT")), st.one_of(st.just(ZERO), decimals())), max_size=6))
def test_a_flat_position_is_forgotten(changes: list[tuple[str, object]]) -> None:
    held = [Position(symbol, msgspec.convert(str(q), type=type(ZERO)), ZERO, opened_ms=1) for symbol, q in changes]
    with tempfile.TemporaryDirectory() as directory:
        steps: list[Step] = [(Ticked(seq=n), [KeepPosition(p)]) for n, p in enumerate(held, 1)]
        remembered = through(steps, Path(directory) / "ledger.sqlite")
    last = {position.symbol: position for position in held}
    expected = {symbol: position for symbol, position in last.items() if not position.is_flat}
    assert {position.symbol: position for position in remembered.positions} == expected


@FEW
@given(st.lists(st.sampled_from(OrderStatus), min_size=1, max_size=6), st.integers(0, 6))
def test_an_intent_never_overwrites_what_is_known(statuses: list[OrderStatus], where: int) -> None:
    """Whenever the intent is written again, the order stays as the tracker last stated it."""
    with tempfile.TemporaryDirectory() as directory:
        order = next(iter(_orders(statuses[:1])))
        steps: list[Step] = [(Ticked(seq=1), [SubmitOrder(Approved(order.intent, 5))])]
        steps += [(Ticked(seq=2), [KeepOrder(known)]) for known in _orders(statuses)]
        steps.insert(min(where, len(steps)), (Ticked(seq=3), [SubmitOrder(Approved(order.intent, 9))]))
        through(steps, Path(directory) / "ledger.sqlite")
        (found,) = SqlLedgerReader(Path(directory) / "ledger.sqlite").orders(limit=9)
    assert found.status is statuses[-1]


def _orders(statuses: Sequence[OrderStatus]) -> list[Order]:
    from tests.kit.ledger import an_order

    return [an_order("t-1", status) for status in statuses]
