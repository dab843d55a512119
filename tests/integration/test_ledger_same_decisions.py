"""From the same ledger the same decisions: the quarter of an hour after a restart, order by order.

`went-on.json` beside each stored ledger is what a6e2cfd did in answer to exactly these events. What was under way is
compared with it, line by line: stops, exits, slices of entries, their trades. How a new close is judged, sized and
locked out has changed since, as the changelog says; from the first one of a symbol on, that symbol is left out.
"""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.kit.stored_ledgers import FOLDER, Resumed, StoredLedger, instruments_of
from trader.domain.decisions import (
    CancelOrder,
    Decision,
    KeepTradingState,
    RecordDecision,
    RecordTrade,
    SubmitOrder,
)
from trader.domain.events import CommandName, Ticked
from trader.sandbox.market.listing import listing_for

NAMES = ("entries", "exits", "halted", "perpetual-paper", "spot-live")
OF_DAEMONS = ("perpetual-paper", "spot-live")
STEPS, STEP_MS = 90, 10_000


def a_quarter_of_an_hour(name: str, directory: Path) -> Resumed:
    """The restart, prices that swing by 1 %, a forecast a minute, and a person who resumes."""
    stored = StoredLedger(name, directory)
    symbols = stored.settings.exchange.symbols
    listed = {symbol: listing_for(symbol).instrument for symbol in symbols} if name in OF_DAEMONS else None
    told = {order["symbol"]: float(order["stop_price"] or order["price"]) for order in stored.told["orders"]}
    told |= {symbol: plan["entry_price"] for symbol, plan in stored.kept["plan"].items()}
    prices = {symbol: told.get(symbol, 100.0) for symbol in symbols}
    newest_ms = max(order["updated_ms"] for order in stored.told["orders"])
    engine = Resumed(stored, listed or instruments_of(stored), now_ms=newest_ms + 30_000)
    for symbol in symbols:
        engine.price(prices[symbol], symbol)
    engine.restart()
    for step in range(STEPS):
        engine.advance(STEP_MS)
        for number, symbol in enumerate(symbols):
            engine.price(prices[symbol] * (1 + 0.01 * math.sin(step / 9 + number)), symbol, size=20.0 / (1 + number))
        if step == STEPS // 3:
            engine.command(CommandName.RESUME)
        if step % 6 == 0:
            engine.forecast(0.03 if step % 12 else -0.03, symbols[step // 6 % len(symbols)])
        engine.put(Ticked())
    return engine


def in_words(decisions: list[Decision], status: dict[str, Any]) -> Iterator[list[Any]]:
    """What a decision did, without what only names it. A trading state that is told again is none."""
    known = (status["trading_state"], status["trading_reasons"])
    for decision in decisions:
        match decision:
            case SubmitOrder(approved=approved, replaces=replaces):
                o = approved.intent
                yield ["submit", o.client_id, o.symbol, o.purpose, o.side, o.type, str(o.quantity), str(o.price),
                       str(o.stop_price), o.reduce_only, replaces.client_id if replaces else ""]  # fmt: skip
            case CancelOrder(ref=ref):
                yield ["cancel", ref.client_id]
            case RecordTrade(trade=trade):
                yield ["trade", trade.symbol, str(trade.quantity), str(trade.profit_quote), str(trade.reason)]
            case RecordDecision(record=record):
                yield ["decision", record.symbol, record.verdict, [str(reason) for reason in record.reasons]]
            case KeepTradingState(state=state, reasons=reasons):
                before, known = known, (state.value, [str(reason) for reason in reasons])
                if known != before:
                    yield ["state", *known]
            case _:
                pass


def told_whole(did: list[list[Any]], answers: dict[str, Any]) -> list[list[Any]]:
    """That version told a trade without what of it had been sold before the restart; the journal knows it."""
    sold = {
        position["symbol"]: sum(
            Decimal(fill["quantity"])
            for fill in answers["fills"]
            if fill["symbol"] == position["symbol"]
            and fill["ts_ms"] > position["opened_ms"]
            and (fill["side"] == "sell") == (Decimal(position["quantity"]) > 0)
        )
        for position in answers["positions"]
    }
    return [
        [*row[:2], str(Decimal(row[2]) + sold.pop(row[1], 0)), *row[3:]] if row[0] == "trade" else row for row in did
    ]


def by_one_name(did: list[list[Any]], wanted: list[list[Any]]) -> list[list[Any]]:
    """That version called every stop that filled at the exchange `stop`, wherever it stood by then."""
    stood = ("break_even", "trailing_stop")
    return [
        [*row[:4], "stop"] if row[0] == "trade" and row[4] in stood and [*row[:4], "stop"] in wanted else row
        for row in did
    ]


def under_way(rows: list[list[Any]], symbols: dict[str, str]) -> list[list[Any]]:
    """The rows about what the ledger held, symbol by symbol up to the first decision about a new close of it.

    `symbols`: client id -> symbol of the orders in the ledger. An entry is sent just before its decision is told.
    """
    of_order = symbols | {row[1]: row[2] for row in rows if row[0] == "submit"}
    judged, found = set[str](), list[list[Any]]()
    for row, after in zip(rows, [*rows[1:], [""]], strict=True):
        symbol = of_order.get(row[1]) or (row[2] if row[0] == "submit" else row[1])
        if row[0] == "decision":
            judged.add(symbol)
        is_new = row[:1] + row[3:4] == ["submit", "entry"] and after[:3] == ["decision", symbol, "enter"]
        if not (symbol in judged or is_new or (row[0] == "state" and judged)):
            found.append(row)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_what_was_under_way_goes_on_as_the_version_before_had_it(name: str, tmp_path: Path) -> None:
    engine = a_quarter_of_an_hour(name, tmp_path)
    told = json.loads((FOLDER / name / "went-on.json").read_text())
    did = json.loads(json.dumps(list(in_words(engine.seen, engine.told["status"]))))
    symbols = {order["client_id"]: order["symbol"] for order in engine.told["orders"]}
    wanted = under_way(told_whole(told["did"], engine.told), symbols)
    assert len(wanted) >= 4
    assert by_one_name(under_way(did, symbols), wanted) == wanted
    engine.reconcile()
    engine.assert_ledger_equals_exchange()
