"""Ledgers that the version before the restructuring wrote: they open, say what they said, and go on."""

import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.kit.stored_ledgers import FOLDER, StoredLedger, instruments_of, recovered, same
from trader.adapters.sql import SqlLedgerReader
from trader.cli import main
from trader.domain.orders import Order
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.engine.state.kept import KEPT_TYPES

NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
READS = ("status", "positions", "orders", "decisions", "fills", "trades", "payments", "balances")
LISTS = ("orders", "decisions", "fills", "trades", "payments")
BTC, ETH, SOL, BNB, XRP, ADA = (f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA"))
DAY_MS = 86_400_000
OPEN = ("open", "partially_filled")

Trader = Callable[..., str]


@pytest.fixture(params=NAMES)
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> StoredLedger:
    """Each of them."""
    return StoredLedger(request.param, tmp_path)


def restored(stored: StoredLedger) -> tuple[EngineState, list[Order]]:
    """(the engine's state, orders whose fate is in doubt since)."""
    remembered = recovered(stored.path)
    state = EngineState(stored.settings, instruments_of(stored), ledger_id=remembered.ledger_id)
    return state, state.restore(remembered)


# --- it opens -------------------------------------------------------------------------------------------------


def test_every_kind_of_state_is_among_them() -> None:
    kinds: set[str] = set()
    algorithms: set[str] = set()
    for name in NAMES:
        kept = json.loads((FOLDER / name / "kept.json").read_text())
        kinds |= kept.keys()
        algorithms |= {each["type"] for each in kept.get("algorithm", {}).values()}
    assert kinds >= {"plan", "algorithm", "ticket", "exit", "regime", "breakers", "opened", "dust", "health"}
    assert kinds <= KEPT_TYPES.keys()
    assert algorithms >= {"market", "limit", "twap"}


def test_every_row_is_remembered(stored: StoredLedger) -> None:
    remembered = recovered(stored.path)
    told, kept = stored.told, stored.kept
    assert {order.client_id for order in remembered.orders} == {row["client_id"] for row in told["orders"]}
    assert remembered.fill_ids == {(row["symbol"], row["fill_id"]) for row in told["fills"]}
    assert remembered.payment_ids == {row["payment_id"] for row in told["payments"]}
    assert {p.symbol: str(p.quantity) for p in remembered.positions} == {
        row["symbol"]: row["quantity"] if row["side"] == "long" else f"-{row['quantity']}" for row in told["positions"]
    }
    same([msgspec.to_builtins(each) for each in remembered.balances if each.total], told["balances"])
    assert {(kind, key) for kind, keys in kept.items() for key in keys} == remembered.state.keys()
    reader = SqlLedgerReader(stored.path)
    trading_state, reasons = reader.trading_state()
    reader.close()
    assert trading_state == told["status"]["trading_state"] == restored(stored)[0].guard.breakers.trading_state
    same(reasons, told["status"]["trading_reasons"])
    same(remembered.equity, {name: told["status"]["money"][name] for name in ("equity", "cash", "peak", "day_start")})
    newest: dict[str, int] = {}
    for row in told["decisions"]:
        newest[row["symbol"]] = max(newest.get(row["symbol"], 0), row["candle_open_ms"])
    assert remembered.decided_ms == newest


def test_the_engine_has_every_part_as_it_was_kept(stored: StoredLedger) -> None:
    state, in_doubt = restored(stored)
    kept = stored.kept
    parts: dict[str, Mapping[str, object]] = {
        "plan": state.positions.plans,
        "algorithm": state.orders.algorithms,
        "ticket": state.positions.tickets,
        "exit": state.positions.exits,
    }
    for kind, values in parts.items():
        assert values.keys() == kept.get(kind, {}).keys(), kind
        same(values, kept.get(kind, {}), kind)
    same(
        {s: m.regime for s, m in state.markets.items() if m.regime}, {s: r["regime"] for s, r in kept["regime"].items()}
    )
    same(state.guard.breakers, kept["breakers"][""], "breakers")
    same(state.model.health, kept["health"][""] if "health" in kept else None, "health")
    same(state.account.ledger.dust, kept.get("dust", {"": {"amounts": {}}})[""]["amounts"], "dust")
    since = Engine(stored.settings, state).reconcile_scope().fills_since_ms
    for symbol in {row["symbol"] for row in stored.told["fills"]}:  # not from the beginning
        newest_ms = max(row["ts_ms"] for row in stored.told["fills"] if row["symbol"] == symbol)
        assert newest_ms - DAY_MS <= since[symbol] < newest_ms
    assert (state.account.is_opened, state.account.opened_ms) == (True, kept["opened"][""]["opened_ms"])
    rows = {row["client_id"]: row for row in stored.told["orders"]}
    unsure = {name for name, row in rows.items() if row["status"] in ("pending", "unknown")}
    assert {order.client_id for order in in_doubt} == {n for n in unsure if rows[n]["status"] == "pending"}
    assert {order.client_id for order in state.orders.tracker.unknown()} == unsure
    assert {o.client_id for o in state.orders.tracker.open_orders()} == unsure | {
        name for name, row in rows.items() if row["status"] in OPEN
    }


OTHERS = json.loads((FOLDER / "sayings" / "others.json").read_text())


@pytest.mark.parametrize("kind", sorted({other["kind"] for other in OTHERS}))
def test_whatever_that_version_may_have_kept_is_read(kind: str, tmp_path: Path) -> None:
    stored = StoredLedger("sayings", tmp_path)
    remembered = recovered(stored.path)
    for other in (other for other in OTHERS if other["kind"] == kind):
        state = EngineState(stored.settings, instruments_of(stored), ledger_id=remembered.ledger_id)
        blob = {(kind, other["key"]): bytes.fromhex(other["hex"])}
        state.restore(msgspec.structs.replace(remembered, state={**remembered.state, **blob}))
        found: dict[str, Mapping[str, object]] = {
            "algorithm": state.orders.algorithms,
            "exit": state.positions.exits,
            "ticket": state.positions.tickets,
            "breakers": {"": state.guard.breakers},
            "health": {"": state.model.health},
            "regime": {symbol: {"regime": market.regime} for symbol, market in state.markets.items()},
        }
        same(found[kind][other["key"]], msgspec.msgpack.decode(bytes.fromhex(other["hex"])), kind)


# --- it says what it said -------------------------------------------------------------------------------------


@pytest.fixture
def trader(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Trader:
    """What `trader <arguments>` prints."""

    def run(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["trader", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed, errors = capsys.readouterr()
        assert not ended.value.code, errors
        return printed

    return run


@pytest.mark.parametrize("command", READS)
def test_each_command_answers_as_it_did(stored: StoredLedger, command: str, trader: Trader) -> None:
    limit = ["--limit", "1000"] if command in LISTS else []
    answer = json.loads(trader(command, "--json", *limit, "--config", str(stored.config_file)))
    assert with_told_fields(answer, stored.told[command]) == stored.told[command]


def with_told_fields(answer: Any, told: Any) -> Any:
    """`answer` without the fields that came later."""
    if isinstance(told, dict):
        return {name: with_told_fields(answer[name], told[name]) for name in told if name in answer}
    if isinstance(told, list) and len(told) == len(answer):
        return [with_told_fields(each, wanted) for each, wanted in zip(answer, told, strict=True)]
    return answer


@pytest.mark.parametrize("command", READS)
def test_a_person_reads_a_table_of_it(stored: StoredLedger, command: str, trader: Trader) -> None:
    printed = trader(command, "--config", str(stored.config_file))
    told = stored.told[command]
    names = (
        {row["symbol"] for row in told[:20] if "symbol" in row} if isinstance(told, list) else {stored.settings.mode}
    )
    assert [name for name in names if name.partition(":")[0] not in printed] == []


def test_reading_changes_nothing(stored: StoredLedger) -> None:
    before = stored.path.read_bytes()
    reader = SqlLedgerReader(stored.path)
    counts = rows_of(stored.path)
    assert len(reader.executions(limit=1000)) == counts["executions"]
    assert len(reader.equity(limit=1000)) == counts["equity"]
    assert reader.count_inputs(after=0) == counts["inputs"]
    reader.close()
    assert stored.path.read_bytes() == before


def test_opening_it_for_writing_loses_no_row(stored: StoredLedger) -> None:
    before = rows_of(stored.path)
    recovered(stored.path)
    assert rows_of(stored.path) == before


def rows_of(path: Path) -> dict[str, int]:
    """Table -> number of rows."""
    connection = sqlite3.connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    counts = {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}
    connection.close()
    return counts
