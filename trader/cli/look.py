"""Commands that read: from the running daemon, or from its ledger when none runs (stderr says which)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader.cli.options import ConfigOption, JsonOption, LimitOption, SymbolOption, settings

if TYPE_CHECKING:
    from trader.config.schema import Settings

OpenOption = Annotated[bool, typer.Option("--open", help="Only orders that may still trade.")]


def status(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show what the daemon does: model, money, data, positions."""
    answer = _answer(settings(config), "status", {})
    if json:
        _print_json(answer)
    else:
        from trader.cli.status_view import print_status

        print_status(answer)


def positions(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List open positions with stop, target and profit."""
    _list("positions", config, json, {})


def orders(
    config: ConfigOption = None,
    json: JsonOption = False,
    limit: LimitOption = 20,
    symbol: SymbolOption = None,
    open_only: OpenOption = False,
) -> None:
    """List orders."""
    _list("orders", config, json, {"limit": limit, "symbol": symbol, "open_only": open_only})


def decisions(
    config: ConfigOption = None, json: JsonOption = False, limit: LimitOption = 20, symbol: SymbolOption = None
) -> None:
    """List decisions, trade or not, and their reasons."""
    _list("decisions", config, json, {"limit": limit, "symbol": symbol})


def fills(
    config: ConfigOption = None, json: JsonOption = False, limit: LimitOption = 20, symbol: SymbolOption = None
) -> None:
    """List executions."""
    _list("fills", config, json, {"limit": limit, "symbol": symbol})


def trades(
    config: ConfigOption = None, json: JsonOption = False, limit: LimitOption = 20, symbol: SymbolOption = None
) -> None:
    """List closed positions with their profit after fees."""
    _list("trades", config, json, {"limit": limit, "symbol": symbol})


def balances(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what the ledger holds of each currency."""
    _list("balances", config, json, {})


def _list(command: str, config: Path | None, as_json: bool, arguments: dict[str, Any]) -> None:
    rows = _answer(settings(config), command, arguments)["rows"]
    if as_json:
        _print_json(rows)
    else:
        from trader.cli.tables import print_rows

        print_rows(command, rows)


def _answer(chosen: "Settings", command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from trader.service.client import NotRunning, ask
    from trader.service.places import control_path, ledger_path

    try:
        return ask(control_path(chosen), command, arguments)
    except NotRunning:
        sys.stderr.write(f"no daemon is running; from the ledger {ledger_path(chosen)}\n")
    return _from_ledger(chosen, command, arguments)


def _from_ledger(chosen: "Settings", command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from trader.adapters.sql import SqlLedgerReader
    from trader.service.places import ledger_path
    from trader.service.reports import Reports, ledger_snapshot

    ledger = SqlLedgerReader(ledger_path(chosen))
    exchange, timeframe = f"{chosen.exchange.id} {chosen.exchange.market}", chosen.market.timeframe
    reports = Reports(ledger, lambda: ledger_snapshot(ledger, chosen.mode, exchange, timeframe))
    return reports.answer(command, arguments)


def _print_json(value: Any) -> None:
    from trader.cli.output import print_json

    print_json(value)
