"""Tables of the list commands, laid out for 100 columns."""

from collections.abc import Callable
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from trader.cli.output import amount, console, moment, price, quantity, signed

Row = dict[str, Any]


class Column(NamedTuple):
    title: str
    cell: Callable[[Row], str]
    is_number: bool = False
    grows: bool = False  # takes the space that is left


def _of(name: str) -> Callable[[Row], str]:
    return lambda row: escape(str(row[name])) if row[name] not in (None, "") else "-"


def _exact(name: str) -> Callable[[Row], str]:
    return lambda row: quantity(row[name])


def _side(row: Row) -> str:
    colour = "green" if row["side"] in ("buy", "long") else "red"
    return f"[{colour}]{row['side']}[/{colour}]" if row["side"] else "-"


def _closed(row: Row) -> str:
    """The reason, and how much of the best excursion was kept, both ways in R."""
    reason = escape(row["reason"])
    if row["best_r"] is None or row["worst_r"] is None:
        return reason
    kept = "" if row["capture"] is None else f"{row['capture']:.0%} of "
    return f"{reason}\n[dim]{kept}{row['best_r']:+.1f} R, {row['worst_r']:+.1f}[/dim]"


def _bps(name: str) -> Callable[[Row], str]:
    return lambda row: f"{row[name]:.1f}" if row[name] is not None else "-"


def _verdict(row: Row) -> str:
    style = {"enter": "bold green", "exit": "bold yellow", "hold": "cyan"}.get(row["verdict"], "dim")
    return f"[{style}]{row['verdict']}[/{style}]"


def _why(row: Row) -> str:
    order = " ".join(part for part in (row["side"], row["quantity"], row["algorithm"]) if part)
    reasons = escape("; ".join(row["reasons"]))
    return f"[bold]{order}[/bold]  {reasons}" if order else reasons


def _status(row: Row) -> str:
    style = {"filled": "green", "rejected": "red", "unknown": "bold red", "open": "cyan", "pending": "yellow"}
    return f"[{style.get(row['status'], 'default')}]{row['status'].replace('_', ' ')}[/]"


_POSITIONS = (
    Column("symbol", _of("symbol")),
    Column("side", _side),
    Column("quantity", _exact("quantity"), is_number=True),
    Column("entry", lambda row: price(row["entry_price"]), is_number=True),
    Column("last", lambda row: price(row["last_price"]), is_number=True),
    Column("value", lambda row: amount(row["value_quote"]), is_number=True),
    Column("profit", lambda row: signed(row["unrealised_quote"], amount(row["unrealised_quote"])), is_number=True),
    Column("stop", lambda row: price(row["stop_price"]), is_number=True),
    Column("target", lambda row: price(row["take_profit"]), is_number=True),
    Column("stage", _of("stage")),
)
_ORDERS = (
    Column("updated", lambda row: moment(row["updated_ms"])),
    Column("symbol", _of("symbol")),
    Column("side", _side),
    Column("type", lambda row: str(row["type"]).replace("stop_market", "stop")),
    Column("for", _of("purpose")),
    Column("quantity", _exact("quantity"), is_number=True),
    Column("filled", _exact("filled"), is_number=True),
    Column("price", lambda row: price(row["average_price"] or row["price"] or row["stop_price"]), is_number=True),
    Column("status", _status),
    Column("reason", _of("reason"), grows=True),
)
_DECISIONS = (
    Column("decided", lambda row: moment(row["ts_ms"])[:-3]),  # at the close: what `trader why` is asked with
    Column("symbol", _of("symbol")),
    Column("verdict", _verdict),
    Column("regime", lambda row: row["regime"].replace("_", " ")),
    Column("p win", lambda row: f"{row['win_probability']:.2f}" if row["win_probability"] is not None else "-"),
    Column("edge", _bps("edge_bps"), is_number=True),
    Column("cost", _bps("cost_bps"), is_number=True),
    Column("order and reasons", _why, grows=True),
)
_FILLS = (
    Column("time", lambda row: moment(row["ts_ms"])),
    Column("symbol", _of("symbol")),
    Column("side", _side),
    Column("quantity", _exact("quantity"), is_number=True),
    Column("price", lambda row: price(row["price"]), is_number=True),
    Column("value", lambda row: amount(float(row["quantity"]) * float(row["price"])), is_number=True),
    Column("fee", lambda row: f"{row['fee']} {row['fee_currency']}", is_number=True),
    Column("as", lambda row: "maker" if row["is_maker"] else "taker"),
    Column("order", lambda row: escape(row["client_id"]) or "not ours", grows=True),
)
_TRADES = (
    Column("closed", lambda row: moment(row["closed_ms"])),
    Column("symbol", _of("symbol")),
    Column("side", _side),
    Column("quantity", _exact("quantity"), is_number=True),
    Column("entry", lambda row: price(row["entry_price"]), is_number=True),
    Column("exit", lambda row: price(row["exit_price"]), is_number=True),
    Column("profit", lambda row: signed(row["profit_quote"], amount(row["profit_quote"])), is_number=True),
    Column("fees", lambda row: amount(row["fees_quote"]), is_number=True),
    Column("why closed", _closed, grows=True),
)
_PAYMENTS = (
    Column("time", lambda row: moment(row["ts_ms"])),
    Column("symbol", _of("symbol")),
    Column("for", _of("kind")),
    Column("amount", lambda row: signed(float(row["amount"]), row["amount"]), is_number=True),
    Column("currency", _of("currency")),
    Column("id", _of("payment_id"), grows=True),
)
_BALANCES = (
    Column("currency", _of("currency")),
    Column("free", _exact("free"), is_number=True),
    Column("locked", _exact("locked"), is_number=True),
)
_LAYOUTS = {
    "positions": _POSITIONS,
    "orders": _ORDERS,
    "decisions": _DECISIONS,
    "fills": _FILLS,
    "trades": _TRADES,
    "payments": _PAYMENTS,
    "balances": _BALANCES,
}


def print_rows(kind: str, rows: list[Row]) -> None:
    """The rows of a list command, or a sentence when there are none."""
    console().print(rows_table(kind, rows) if rows else f"No {kind}.")


def plain_table() -> Table:
    """The one look of all tables. What does not fit folds; nothing is cut."""
    return Table(box=SIMPLE_HEAD, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))


def rows_table(kind: str, rows: list[Row]) -> Table:
    """One line a row where 100 columns allow it; edge and cost are basis points, times market UTC."""
    table = plain_table()
    for column in _LAYOUTS[kind]:
        table.add_column(
            column.title,
            justify="right" if column.is_number else "left",
            overflow="fold",
            ratio=1 if column.grows else None,
        )
    for row in rows:
        table.add_row(*(column.cell(row) for column in _LAYOUTS[kind]))
    return table
