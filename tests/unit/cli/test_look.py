"""The read commands: the same objects from a running daemon and from its ledger, and tables a person can read."""

import asyncio
import io
import json
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from rich.console import Console

from tests.kit.ledger import NOW_MS, a_record, an_order
from trader.adapters.sql import SqlJournal, SqlLedgerReader
from trader.cli import main
from trader.cli.status_view import status_view
from trader.config.exchange import ExchangeSettings
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import (
    ClosedTrade,
    Decision,
    EquitySnapshot,
    ExecutionReport,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPayment,
    KeepPosition,
    KeepTradingState,
    RecordDecision,
    RecordEquity,
    RecordExecution,
    RecordTrade,
    TradingState,
)
from trader.domain.events import CommandName, Ticked
from trader.domain.orders import AlgorithmName, Fill, Order, OrderStatus, OrderType, Purpose, Side
from trader.domain.overrides import OverrideAsked
from trader.domain.signals import Verdict
from trader.runtime.outlets import OutletStatus
from trader.service.control.commands import DaemonCommands
from trader.service.control.reports import Reports
from trader.service.control.server import ControlServer
from trader.service.control.status import (
    AlgorithmStatus,
    Counters,
    DustStatus,
    HedgeStatus,
    ModelStatus,
    MoneyStatus,
    PositionStatus,
    StatusSnapshot,
    SymbolStatus,
)
from trader.service.process.lock import StateLock

EXECUTION = ExecutionReport(
    parent_id="p-1", symbol="BTC/USDT:USDT", side=Side.BUY, algorithm=AlgorithmName.MARKET, purpose=Purpose.ENTRY,
    quantity=Decimal(20_000), filled=Decimal(20_000), arrival_mid=100.0, average_price=100.05, slippage_bps=5.0,
    spread_bps=2.0, fees_quote=Decimal("2001"), market_order_bps=40.0, started_ms=NOW_MS - 300_000, ended_ms=NOW_MS,
    orders=10, decision_price=Decimal("99.95"), decided_ms=NOW_MS - 301_000, delay_quote=Decimal(1000),
    spread_quote=Decimal(400), impact_quote=Decimal(600), mark_price=Decimal("99.9"),
)  # fmt: skip
FILL = Fill(
    fill_id="f1",
    symbol="BTC/USDT",
    client_id="t-2",
    exchange_order_id="9",
    side=Side.BUY,
    quantity=Decimal("0.00100"),
    price=Decimal("50000.10"),
    fee=Decimal("0.050"),
    fee_currency="USDT",
    ts_ms=NOW_MS,
    is_maker=True,
)
TRADE = ClosedTrade(
    symbol="ETH/USDT",
    side=Side.BUY,
    opened_ms=NOW_MS - 3_600_000,
    closed_ms=NOW_MS,
    quantity=Decimal("0.5"),
    entry_price=Decimal(3000),
    exit_price=Decimal(3030),
    profit_quote=Decimal("13.48"),
    fees_quote=Decimal("1.52"),
    reason=CloseReason.TAKE_PROFIT,
    best_frac=0.0125,
    worst_frac=-0.004,
    r_frac=0.005,
)
PAYMENT = Payment("FUNDING_FEE-9-BTCUSDT", PaymentKind.FUNDING, "BTC/USDT:USDT", "USDT", Decimal("-0.25074286"), NOW_MS)
SNAPSHOT = StatusSnapshot(
    running=True,
    mode="paper",
    exchange="sandbox spot",
    trading_state="reducing",
    trading_reasons=("daily loss 5.1% above 5%",),
    phase="trading",
    pid=4242,
    version="0.1.0",
    timeframe="1m",
    started_ms=NOW_MS - 90_000,
    market_ms=NOW_MS,
    speed=60.0,
    model=ModelStatus(model_id="quick-20251123-1", verdict="observe", reasons=("effective_days 13<30",)),
    money=MoneyStatus(equity=9_490.5, cash=8_000, exposure=1_490.5, peak=10_100, day_start=10_000, currency="USDT"),
    hedge=HedgeStatus(beta=1.384, symbol="BTC/USDT:USDT", value_quote=-1_898.1),
    symbols=(
        SymbolStatus(
            symbol="BTC/USDT", stream="live", last_price=50_123.4, regime="bull_trend", candle_close_ms=NOW_MS
        ),
        SymbolStatus(symbol="XRP/USDT", stream="stale", last_price=0.51234, reason="no book for 11 s"),
    ),
    positions=(
        PositionStatus(
            symbol="BTC/USDT",
            side="long",
            quantity="0.02974",
            entry_price="50100.25",
            opened_ms=NOW_MS - 600_000,
            last_price=50_123.4,
            value_quote=1_490.67,
            unrealised_quote=0.69,
            stop_price="49600.00",
            take_profit=51_100.2,
            stage="initial",
        ),
    ),
    open_orders=2,
    algorithms=(
        AlgorithmStatus(
            parent_id="p-1",
            symbol="ETH/USDT",
            side="buy",
            algorithm="twap",
            purpose="entry",
            quantity="0.4312",
            filled="0.1293",
            progress="slice 3 of 10",
            started_ms=NOW_MS - 90_000,
        ),
    ),
    outlets=(OutletStatus(name="narrator", heard=900), OutletStatus(name="model_care", heard=800, dropped=1_200)),
    dust=(DustStatus(currency="ADA", quantity="0.0312", value_quote=0.0219), DustStatus(currency="XYZ", quantity="2")),
    counters=Counters(events=9_000, decisions=120, orders=14, fills=11, errors=1),
    last_reconciled_ms=NOW_MS - 30_000,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory without configuration; its account's directory."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("TRADER"):
            monkeypatch.delenv(name)
    return tmp_path / "var" / "paper-sandbox-spot"


@pytest.fixture
def ledger(here: Path) -> Path:
    """A ledger with something of everything in it."""
    path = here / "ledger.sqlite"
    asyncio.run(_filled(path))
    return path


def a_stop(client_id: str, price: str, ts_ms: int) -> Order:
    order = an_order(client_id, OrderStatus.OPEN, ts_ms)
    intent = msgspec.structs.replace(
        order.intent, type=OrderType.STOP_MARKET, purpose=Purpose.STOP, price=None, stop_price=Decimal(price)
    )
    return msgspec.structs.replace(order, intent=intent)


async def _filled(path: Path) -> None:
    journal = SqlJournal(path)
    enter = msgspec.structs.replace(a_record(2), verdict=Verdict.ENTER, side="buy", quantity="0.001", algorithm="limit")
    filled = msgspec.structs.replace(
        an_order("t-2", OrderStatus.FILLED, NOW_MS), filled=Decimal("0.001"), filled_quote=Decimal("50.0001")
    )
    decisions: list[Decision] = [
        KeepOrder(an_order("t-1", OrderStatus.OPEN, NOW_MS - 5_000)),
        KeepOrder(filled),
        KeepOrder(a_stop("t-3", "49500.00", NOW_MS - 7_000)),
        KeepFill(FILL),
        RecordDecision(a_record(1, NOW_MS - 60_000, "ETH/USDT")),
        RecordDecision(enter),
        RecordTrade(TRADE),
        KeepPosition(Position("BTC/USDT", Decimal("0.001"), Decimal("50000.10"), NOW_MS)),
        KeepPayment(PAYMENT),
        KeepBalance(Balance("USDT", Decimal("9950.00"), Decimal("1.5"))),
        KeepBalance(Balance("ETH", Decimal(0))),
        RecordExecution(EXECUTION),
        RecordEquity(EquitySnapshot(NOW_MS, 10_000.5, 9_951.5, 49.0, 10_100.0, 9_990.0)),
        KeepTradingState(TradingState.ACTIVE, ()),
    ]
    await journal.write([(Ticked(seq=1, ts_ms=NOW_MS), decisions)], durable=True)
    await journal.close()


@contextmanager
def daemon(here: Path, acted: list[tuple[str, str]]) -> Iterator[None]:
    """A running daemon's control socket over the ledger, on a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def act(name: CommandName, origin: str, override: OverrideAsked | None) -> str:
        acted.append((name.value, origin))
        if override is not None:
            acted.append((override.symbol, f"{override.factor} {override.stance} {override.clear} {override.unlock}"))
        return f"{name.value}: done"

    with StateLock(here) as lock:
        reports = Reports(SqlLedgerReader(here / "ledger.sqlite"), lambda: SNAPSHOT)
        server = ControlServer(
            lock, DaemonCommands(reports, act, ExchangeSettings(symbols=("BTC/USDT", "ETH/USDT"))).handle
        )
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


class Told:
    """What one command printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self._capsys = capsys
        self._monkeypatch = monkeypatch
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["trader", *arguments])
        self._capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        self.out, self.err = self._capsys.readouterr()
        return code

    def json(self, *arguments: str) -> Any:
        assert self(*arguments, "--json") == 0, self.err
        return json.loads(self.out)


@pytest.fixture
def trader(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Told:
    return Told(capsys, monkeypatch)


LISTS = ("positions", "orders", "decisions", "fills", "trades", "payments", "balances")


def test_every_list_is_a_list_of_objects_with_the_same_keys_from_both_sources(
    here: Path, ledger: Path, trader: Told
) -> None:
    from_ledger = {name: trader.json(name) for name in LISTS}
    assert trader.err.startswith("no daemon is running; from the ledger var/paper-sandbox-spot/ledger.sqlite")
    with daemon(here, []):
        from_daemon = {name: trader.json(name) for name in LISTS}
        assert trader.err == ""
    for name in LISTS:
        assert from_ledger[name], name
        assert [set(row) for row in from_daemon[name]] == [set(row) for row in from_ledger[name]]
        if name != "positions":  # the daemon knows more of these
            assert from_daemon[name] == from_ledger[name]
    assert from_daemon["positions"][0]["stop_price"] == "49600.00"
    assert from_ledger["positions"][0]["stop_price"] == "49500.00"


def test_rows_keep_exact_decimals_and_plain_names(ledger: Path, trader: Told) -> None:
    newest, older, _ = trader.json("orders")
    assert (newest["client_id"], older["client_id"]) == ("t-2", "t-1")
    assert newest["quantity"] == "0.00100"
    assert newest["price"] == "50000.10"
    assert newest["average_price"] == "50000.1"
    assert older["status"] == "open"
    (fill,) = trader.json("fills")
    assert (fill["price"], fill["fee"], fill["is_maker"]) == ("50000.10", "0.050", True)
    (balance,) = trader.json("balances")
    assert balance == {"currency": "USDT", "free": "9950.00", "locked": "1.5"}
    decision = trader.json("decisions")[0]
    assert decision["verdict"] == "enter"
    assert decision["reasons"] == ["edge 3.1bp < needed 24.0bp", "no confirmation (rsi_dip)"]
    assert decision["codes"] == ["edge_below_bar", "not_confirmed"]


def test_lists_can_be_narrowed(ledger: Path, trader: Told) -> None:
    assert [row["client_id"] for row in trader.json("orders", "--open")] == ["t-1", "t-3"]
    assert len(trader.json("orders", "--limit", "1")) == 1
    assert [row["symbol"] for row in trader.json("decisions", "--symbol", "ETH/USDT")] == ["ETH/USDT"]
    assert trader.json("fills", "-s", "ETH/USDT") == []


def test_status_from_the_daemon(here: Path, ledger: Path, trader: Told) -> None:
    with daemon(here, []):
        status = trader.json("status")
    assert status["running"] is True
    assert status["pid"] == 4242
    assert status["model"]["reasons"] == ["effective_days 13<30"]
    assert status["positions"][0]["unrealised_quote"] == 0.69
    assert status == json.loads(msgspec.json.encode(SNAPSHOT))


def test_status_from_the_ledger(ledger: Path, trader: Told) -> None:
    status = trader.json("status")
    assert status["running"] is False
    assert status["trading_state"] == "active"
    assert status["money"]["equity"] == 10_000.5
    assert status["open_orders"] == 2
    assert [row["symbol"] for row in status["positions"]] == ["BTC/USDT"]
    assert set(status) == set(msgspec.to_builtins(SNAPSHOT))


@pytest.mark.parametrize(
    ("hedge", "words"),
    [
        (HedgeStatus(), "beta not known yet  none needed"),
        (HedgeStatus(beta=0.5), "beta 0.50  none needed"),
        (HedgeStatus(beta=1.384, symbol="BTC/USDT:USDT", value_quote=-1_898.1), "beta 1.38  BTC/USDT:USDT -1,898.10"),
        (HedgeStatus(beta=1.5, missing="no hedge: stale"), "beta 1.50  no hedge: stale"),
    ],
)
def test_the_hedge_in_words(hedge: HedgeStatus, words: str) -> None:
    lines = io.StringIO()
    Console(file=lines, width=200).print(status_view(msgspec.structs.replace(SNAPSHOT, hedge=hedge)))
    assert words in lines.getvalue()


@pytest.mark.parametrize("command", ["status", "report tca", *LISTS])
@pytest.mark.parametrize("is_running", [True, False], ids=["daemon", "ledger"])
def test_tables_fit_a_hundred_columns(here: Path, ledger: Path, trader: Told, command: str, is_running: bool) -> None:
    if is_running:
        with daemon(here, []):
            assert trader(*command.split()) == 0
    else:
        assert trader(*command.split()) == 0
    lines = trader.out.splitlines()
    assert len(lines) >= 3
    assert max(map(len, lines)) <= 100
    assert "…" not in trader.out


def test_nothing_is_cut_off(ledger: Path, trader: Told) -> None:
    for command, words in {
        "orders": ("11-14 22:13:20", "BTC/USDT", "0.001", "50,000.10", "filled"),
        "decisions": (
            "11-14 22:13",
            "11-14 22:12",
            "range bound",
            "24.0",
            "buy 0.001 limit",
            "edge 3.1bp < needed 24.0bp",
        ),
        "fills": ("0.050 USDT", "maker", "50.00"),
        "trades": ("ETH/USDT", "3,030.00", "13.48", "take_profit", "72% of +2.5", "-0.8"),
        "payments": ("BTC/USDT:USDT", "funding", "-0.25074286", "USDT", "FUNDING_FEE-9-BTCUSDT"),
        "balances": ("USDT", "9950 ", "1.5"),
    }.items():
        assert trader(command) == 0
        for word in words:
            assert word in trader.out, command


def test_what_execution_cost_is_told_by_group(ledger: Path, trader: Told) -> None:
    assert trader("report", "tca") == 0
    row = re.compile(r"BTC/USDT:USDT +1 +2,001,000 +100% +5\.0 +2\.0 +3\.0 +10\.0 +20\.0 +40\.0 +35\.0 +15\.0 +5m")
    assert row.search(trader.out)
    for words in ("by symbol", "by algorithm", "entry market", "by size", "1m to 10m", "by hour", "22:00"):
        assert words in trader.out
    found = trader.json("report", "tca", "--by", "size", "--by", "hour")
    assert [(each["by"], each["group"]) for each in found] == [("all", "all"), ("size", "1m to 10m"), ("hour", "22:00")]
    assert found[0]["shortfall_quote"] == "4001"
    assert trader.json("report", "tca", "--symbol", "ETH/USDT") == []
    assert trader("report", "tca", "--symbol", "ETH/USDT") == 0
    assert trader.out == "No executions.\n"


def test_status_says_what_matters(here: Path, ledger: Path, trader: Told) -> None:
    with daemon(here, []):
        trader("status")
    text = re.sub(r"\s+", " ", trader.out)
    for words in (
        "paper on sandbox spot · 1m candles · trading, process 4242 · version 0.1.0",
        "REDUCING daily loss 5.1% above 5%",
        "11-14 22:13:20 UTC at 60x",
        "quick-20251123-1 observe effective_days 13<30",
        "9,490.50 USDT today -5.10% drawdown 6.03% cash 8,000.00 exposed 1,490.50 (16%)",
        "XRP/USDT 0.51234 - stale - no book for 11 s",
        "BTC/USDT long 0.02974 50,100.25 50,123.40 1,490.67 0.69 49,600.00 51,100.20",
        "ETH/USDT buy 0.4312 by twap entry 0.1293 slice 3 of 10 1m",
        "model care 1,200 turns left out, 0 failed",
        "dust ADA 0.0312 (worth 0.02) · XYZ 2 too little to sell; sold with the next position",
        "open orders 2 · decisions 120 · orders 14 · fills 11 · errors 1 · reconciled 30s ago",
    ):
        assert words in text
    assert "narrator" not in text  # it has heard everything
    assert "events" not in text  # none was refused, none failed


def test_status_tells_of_events_that_came_to_nothing(
    here: Path, ledger: Path, trader: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters = msgspec.structs.replace(SNAPSHOT.counters, unusable=1_234, failed=2)
    monkeypatch.setattr(sys.modules[__name__], "SNAPSHOT", msgspec.structs.replace(SNAPSHOT, counters=counters))
    with daemon(here, []):
        trader("status")
    text = re.sub(r"\s+", " ", trader.out)
    assert "errors 1 · unusable events 1,234 · failed events 2 · reconciled 30s ago" in text


def test_an_empty_list_is_a_sentence_for_people_and_an_empty_list_for_programs(here: Path, trader: Told) -> None:
    asyncio.run(_empty(here / "ledger.sqlite"))
    assert trader("orders") == 0
    assert trader.out == "No orders.\n"
    assert trader.json("orders") == []


async def _empty(path: Path) -> None:
    await SqlJournal(path).close()


def test_a_daemon_that_only_starts_is_not_called_dead(here: Path, trader: Told) -> None:
    with StateLock(here):
        status = trader.json("status")
        assert (status["running"], status["phase"], status["pid"]) == (True, "starting", os.getpid())
        assert trader("status") == 0
        assert "starting, process" in trader.out
        assert trader("orders") == 2
        assert trader.err.startswith(f"the daemon (process {os.getpid()}) is still starting; from the ledger ")
        assert trader("kill") == 1
        assert trader.err == (
            f"trader: the daemon (process {os.getpid()}) does not take commands yet or any more; try again\n"
        )


def test_without_daemon_and_ledger_the_reason_is_one_line(here: Path, trader: Told) -> None:
    assert trader("orders") == 2
    *_, line = trader.err.splitlines()
    assert line == (
        "trader: var/paper-sandbox-spot/ledger.sqlite: no ledger here yet; "
        "`trader run` with this configuration makes one"
    )
    assert trader.out == ""


@pytest.mark.parametrize("command", ["pause", "resume", "flatten", "kill"])
def test_acts_reach_the_daemon_with_who_asked(here: Path, ledger: Path, trader: Told, command: str) -> None:
    acted: list[tuple[str, str]] = []
    with daemon(here, acted):
        assert trader(command) == 0
        assert trader.out == f"{command}: done\n"
        assert trader.json(command) == {"message": f"{command}: done"}
    assert acted == [(command, f"uid {os.getuid()}")] * 2


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (("--factor", "0.5"), "0.5 None False False"),
        (("--reduce-only",), "None reduce-only False False"),
        (("--close", "--yes"), "None close False False"),
        (("--ban", "--clear"), "None ban True False"),
        (("--unlock",), "None None False True"),
    ],
)
def test_an_override_reaches_the_daemon_with_its_symbol(
    here: Path, ledger: Path, trader: Told, arguments: tuple[str, ...], asked: str
) -> None:
    acted: list[tuple[str, str]] = []
    with daemon(here, acted):
        assert trader("override", "ETH/USDT", *arguments) == 0
    assert acted == [("override", f"uid {os.getuid()}"), ("ETH/USDT", asked)]


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("DOGE/USDT", "--ban"), 1, "override: symbol DOGE/USDT; allowed: BTC/USDT, ETH/USDT"),
        (("BTC/USDT",), 2, "say what: --factor"),
        (("BTC/USDT", "--factor", "1.5"), 2, "less than or equal to 1"),
    ],
)
def test_an_override_that_says_nothing_sensible_is_refused(
    here: Path, ledger: Path, trader: Told, arguments: tuple[str, ...], code: int, told: str
) -> None:
    acted: list[tuple[str, str]] = []
    with daemon(here, acted):
        assert trader("override", *arguments) == code
    assert told in trader.err
    assert acted == []


def test_acts_without_a_daemon_say_so(ledger: Path, trader: Told) -> None:
    assert trader("kill") == 1
    assert trader.err == (
        "trader: no daemon is running on var/paper-sandbox-spot; nothing to kill. Start it with `trader run`\n"
    )


def test_the_configuration_names_the_account(here: Path, tmp_path: Path, trader: Told) -> None:
    (tmp_path / "other.yaml").write_text("storage:\n  state_dir: elsewhere\n")
    assert trader("orders", "--config", "other.yaml") == 2
    assert "elsewhere/paper-sandbox-spot/ledger.sqlite" in trader.err
