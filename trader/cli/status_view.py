"""`trader status` on one screen."""

import msgspec
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from trader.cli.model_view import care_rows
from trader.cli.output import amount, console, moment, price, quantity, signed, span
from trader.cli.tables import plain_table, rows_table
from trader.runtime.outlets import OutletStatus
from trader.service.control.status import (
    DustStatus,
    HedgeStatus,
    ModelStatus,
    MoneyStatus,
    RecorderStatus,
    StatusSnapshot,
)

_STATES = {"active": "bold green", "reducing": "bold yellow", "halted": "bold red"}


def print_status(status: StatusSnapshot) -> None:
    """The daemon's status, newest facts first."""
    console().print(status_view(status))


def status_view(status: StatusSnapshot) -> Group:
    parts: list[RenderableType] = [Padding(_head(status), (0, 0, 0, 1))]
    if status.symbols:
        parts.append(_symbols(status))
    if status.positions:
        parts += [" [bold]Positions[/bold]", rows_table("positions", msgspec.to_builtins(status.positions))]
    elif status.running:
        parts.append(" No open position.\n")
    if status.algorithms:
        parts += [" [bold]Orders under way[/bold]", _algorithms(status)]
    parts.append(_foot(status))
    return Group(*parts)


def _head(status: StatusSnapshot) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("daemon", _daemon(status))
    state = status.trading_state
    reasons = f"  {escape(', '.join(status.trading_reasons))}" if status.trading_reasons else ""
    grid.add_row("trading", f"[{_STATES.get(state, 'bold')}]{state.upper()}[/]{reasons}")
    if status.market_ms is not None:
        speed = f" at {status.speed:g}x" if status.speed != 1 else ""
        grid.add_row("market time", f"{moment(status.market_ms)} UTC{speed}")
    strategies = dict.fromkeys(row.strategy for row in status.symbols if row.strategy)
    if strategies and list(strategies) != ["ensemble"]:
        grid.add_row("strategy", escape(", ".join(strategies)))
    for judged in status.strategies:
        missing = f"  {', '.join(judged.reasons)}" if judged.reasons else ""
        grid.add_row("record", escape(f"{judged.strategy_id}: {judged.verdict}, {judged.trades} trades{missing}"))
    if status.model is not None:
        grid.add_row("model", _model(status.model))
        if status.running:
            for name, words in care_rows(status.model, status.market_ms):
                grid.add_row(name, words)
    if status.money is not None:
        grid.add_row("money", _money(status.money))
    if status.hedge is not None:
        grid.add_row("hedge", _hedge(status.hedge))
    if status.dust:
        grid.add_row("dust", _dust(status.dust))
    if status.running and status.phase != "starting":
        grid.add_row("recording", _recording(status.recorder))
        for outlet in status.outlets:
            if outlet.dropped or outlet.failed:
                grid.add_row(outlet.name.replace("_", " "), _missed(outlet))
    if status.note:
        grid.add_row("note", f"[yellow]{escape(status.note)}[/yellow]")
    return grid


def _daemon(status: StatusSnapshot) -> str:
    words = [f"{status.mode} on {escape(status.exchange)}"]
    if status.timeframe:
        words.append(f"{status.timeframe} candles")
    if not status.running:
        return " · ".join([*words, "[bold red]not running[/bold red]"])
    words.append(f"{status.phase or 'running'}, process {status.pid}")
    if status.version:
        words.append(f"version {status.version}")
    return " · ".join(words)


def _model(model: ModelStatus) -> str:
    colour = "green" if model.verdict == "trade" else "yellow"
    reasons = f"  [dim]{escape(', '.join(model.reasons))}[/dim]" if model.reasons else ""
    return f"{escape(model.model_id)}  [{colour}]{model.verdict}[/{colour}]{reasons}"


def _money(money: MoneyStatus) -> str:
    change = money.day_change_frac
    share = money.exposure / money.equity if money.equity else 0.0
    return (
        f"[bold]{amount(money.equity)}[/bold] {money.currency}  today {signed(change, f'{change:+.2%}')}  "
        f"drawdown {money.drawdown_frac:.2%}  cash {amount(money.cash)}  exposed {amount(money.exposure)} ({share:.0%})"
        + ("" if money.at_risk is None else f"  at risk {amount(money.at_risk)}")
    )


def _hedge(hedge: HedgeStatus) -> str:
    beta = "[dim]beta not known yet[/dim]" if hedge.beta is None else f"beta {hedge.beta:.2f}"
    if hedge.symbol:
        return f"{beta}  {escape(hedge.symbol)} {amount(hedge.value_quote)}"
    return f"{beta}  [yellow]{escape(hedge.missing)}[/yellow]" if hedge.missing else f"{beta}  [dim]none needed[/dim]"


def _dust(rows: tuple[DustStatus, ...]) -> str:
    """Too little to be sold, so it is dim: nothing is to be done about it."""
    words = [
        f"{escape(row.currency)} {quantity(row.quantity)}"
        + ("" if row.value_quote is None else f" (worth {amount(row.value_quote)})")
        for row in rows
    ]
    return f"{' · '.join(words)}  [dim]too little to sell; sold with the next position[/dim]"


def _recording(recorder: RecorderStatus | None) -> str:
    if recorder is None:
        return "[dim]switched off (recorder.enabled)[/dim]"
    words = [f"{recorder.recorded:,} market inputs", f"{recorder.disk_bytes / 1e6:,.0f} MB on disk"]
    if recorder.lost:
        words.append(f"[yellow]{recorder.lost:,} lost[/yellow]")
    if recorder.trouble:
        words.append(f"[red]{escape(recorder.trouble)}[/red]")
    return " · ".join(words)


def _missed(outlet: OutletStatus) -> str:
    return f"[yellow]{outlet.dropped:,} turns left out, {outlet.failed:,} failed[/yellow]"


def _symbols(status: StatusSnapshot) -> Table:
    table = plain_table()
    for title, justify in (
        ("symbol", "left"),
        ("price", "right"),
        ("regime", "left"),
        ("data", "left"),
        ("candle", "left"),
    ):
        table.add_column(title, justify="right" if justify == "right" else "left", no_wrap=True)
    table.add_column("", overflow="fold")
    for row in status.symbols:
        colour = "green" if row.stream == "live" else "red"
        table.add_row(
            row.symbol,
            price(row.last_price),
            row.regime.replace("_", " ") or "-",
            f"[{colour}]{row.stream or '-'}[/{colour}]",
            moment(row.candle_close_ms)[6:11] or "-",
            escape("; ".join(filter(None, (row.reason, row.override and f"override: {row.override}", *row.locks)))),
        )
    return table


def _algorithms(status: StatusSnapshot) -> Table:
    table = plain_table()
    for title in ("symbol", "order", "for", "filled", "progress", "running"):
        table.add_column(title, no_wrap=True)
    for row in status.algorithms:
        now = status.market_ms
        table.add_row(
            row.symbol,
            f"{row.side} {quantity(row.quantity)} by {row.algorithm}",
            row.purpose,
            quantity(row.filled),
            row.progress or "-",
            span(now - row.started_ms) if now and row.started_ms else "-",
        )
    return table


def _foot(status: StatusSnapshot) -> str:
    if not status.running:
        return f" [dim]open orders {status.open_orders}[/dim]"
    counters = status.counters
    words = [f"open orders {status.open_orders}"]
    words += [f"{name} {getattr(counters, name):,}" for name in ("decisions", "orders", "fills", "errors")]
    if counters.unusable:  # neither happens on a good day
        words.append(f"[yellow]unusable events {counters.unusable:,}[/yellow]")
    if counters.failed:
        words.append(f"[red]failed events {counters.failed:,}[/red]")
    if status.last_reconciled_ms is not None and status.market_ms is not None:
        words.append(f"reconciled {span(status.market_ms - status.last_reconciled_ms)} ago")
    return f" [dim]{' · '.join(words)}[/dim]"
