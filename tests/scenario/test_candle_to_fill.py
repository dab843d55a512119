"""One candle followed from the exchange's socket to the fill it leads to, by the ids on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import pytest

from tests.kit.daemon import Daemon
from tests.kit.sandbox import http_session
from tests.scenario.accounts import MANY, ended_equal
from tests.scenario.conftest import MakeDaemon
from trader.adapters.model_files import ModelFiles
from trader.domain.orders import Purpose
from trader.domain.signals import Verdict
from trader.engine.entries.decide import decision_id_for
from trader.execution.client_ids import client_id_for

pytestmark = pytest.mark.scenario

Klines = dict[tuple[str, int], dict[str, Any]]  # by (symbol, open time): closed ones


@asynccontextmanager
async def listening(daemon: Daemon) -> AsyncIterator[Klines]:
    """The closed candles that the exchange's websocket tells while this is open."""
    names = {symbol.replace("/", ""): symbol for symbol in daemon.settings.exchange.symbols}
    streams = "/".join(f"{name.lower()}@kline_1m" for name in names)
    heard: Klines = {}

    async def listen(socket: Any) -> None:
        async for message in socket:
            kline = json.loads(message.data)["data"]["k"]
            if kline["x"]:
                heard[names[kline["s"]], kline["t"]] = kline

    running = daemon.sandbox
    async with (
        http_session(running) as session,
        session.ws_connect(f"{running.endpoint}/stream?streams={streams}") as socket,
        asyncio.TaskGroup() as group,
    ):
        task = group.create_task(listen(socket))
        yield heard
        task.cancel()


def entered(daemon: Daemon, heard: Klines) -> dict[str, Any] | None:
    """A decision to enter on one of the candles that were heard."""
    rows = daemon.ask("decisions", limit=1_000)["rows"]
    ours = (row for row in rows if (row["symbol"], row["candle_open_ms"]) in heard)
    return next((row for row in ours if row["verdict"] == "enter"), None)


async def test_every_id_from_the_candle_to_its_fill(make_daemon: MakeDaemon) -> None:
    daemon = make_daemon({"execution": {"algorithm": "market"}, "log": {"level": "debug"}})
    daemon.start()
    await asyncio.to_thread(daemon.wait_for, "sandbox.spawned")
    async with listening(daemon) as klines:
        await asyncio.to_thread(daemon.wait_for, "daemon.ready")
        while (decided := await asyncio.to_thread(entered, daemon, klines)) is None:
            assert daemon.runs, daemon.tail()
            await asyncio.sleep(0.05)
        decision_id, symbol = decided["decision_id"], decided["symbol"]
        [finished] = await asyncio.to_thread(
            daemon.wait_for, "execution.finished", where=lambda x: x["parent_id"] == decision_id
        )
        [sent] = await asyncio.to_thread(
            daemon.wait_for, "order.submitted", where=lambda x: x["purpose"] == "stop" and x["parent_id"] == decision_id
        )
        await asyncio.to_thread(daemon.wait_for, "order.open", where=lambda x: x["client_id"] == sent["client_id"])
        assert await asyncio.to_thread(daemon.terminate) == 0
    said = daemon.lines()
    state = await asyncio.to_thread(ended_equal, daemon)
    with daemon.ledger() as ledger:
        ledger_id = ledger.ledger_id()
        [decision] = [row for row in ledger.decisions(limit=MANY) if row.decision_id == decision_id]
        orders = [o for o in ledger.orders(limit=MANY) if o.intent.decision_id == decision_id]
        fills = ledger.fills(limit=MANY)
        [execution] = [row for row in ledger.executions(limit=MANY) if row.parent_id == decision_id]

    # socket -> decision
    kline = klines[symbol, decision.candle_open_ms]
    candles = [line for line in said if line["event"] == "candle.closed"]
    [seen] = [line for line in candles if (line["symbol"], line["open_ms"]) == (symbol, kline["t"])]
    assert seen["close"] == float(kline["c"])
    assert decision_id == decision_id_for(ledger_id, symbol, decision.candle_open_ms)
    assert decision.verdict is Verdict.ENTER
    assert len(decision.feature_hash) == 12
    model_id = ModelFiles(next((daemon.state_dir / "models").iterdir())).champion_id("1m")
    assert decision.model_id == model_id
    assert [line["model"] for line in said if line["event"] == "model.active"] == [model_id]

    # decision -> parent -> intents, each derived from the one before
    entries = [o for o in orders if o.intent.purpose is Purpose.ENTRY]
    parent_id = decision.parent_id
    assert {o.intent.parent_id for o in entries} == {parent_id}
    steps = [client_id_for(ledger_id, parent_id, Purpose.ENTRY, step) for step in range(len(entries))]
    assert {o.client_id for o in entries} == set(steps)
    orders_sent = [line for line in said if line["event"] == "order.submitted"]
    submitted = [x for x in orders_sent if x["parent_id"] == parent_id and x["purpose"] == "entry"]
    assert [line["client_id"] for line in submitted] == steps

    # intent -> the exchange's order -> its fills -> our fills
    theirs = {o["clientOrderId"]: o for o in state["orders"] if o["clientOrderId"] in steps}
    assert {o.client_id: o.exchange_id for o in entries} == {c: str(o["orderId"]) for c, o in theirs.items()}
    order_ids = {str(o["orderId"]): client_id for client_id, o in theirs.items()}
    traded = {str(f["id"]): f for f in state["fills"] if str(f["orderId"]) in order_ids}
    booked = {f.fill_id: f for f in fills if f.client_id in steps}
    assert traded
    assert booked.keys() == traded.keys()
    assert all(booked[i].client_id == order_ids[str(traded[i]["orderId"])] for i in traded)
    told = {line["fill_id"]: line["client_id"] for line in said if line["event"] == "fill.booked"}
    assert {i: f.client_id for i, f in booked.items()}.items() <= told.items()

    # fills -> cost analysis
    quantity = sum((Decimal(f["qty"]) for f in traded.values()), Decimal(0))
    quote = sum((Decimal(f["qty"]) * Decimal(f["price"]) for f in traded.values()), Decimal(0))
    assert execution.filled == quantity
    assert execution.average_price == pytest.approx(float(quote / quantity))
    assert execution.orders == len(entries)
    assert finished["filled"].startswith(f"{quantity}/")

    # and the stop that protects what was bought carries the same decision
    [stop] = [o for o in orders if o.client_id == sent["client_id"]]
    assert stop.intent.purpose is Purpose.STOP
    assert stop.intent.parent_id == decision_id
    assert stop.client_id in {o["clientOrderId"] for o in state["orders"] if o["type"] == "STOP_LOSS"}
