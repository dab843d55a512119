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
    snapshot = answer(settings(config), "status", {})
    if json:
        _print_json(snapshot)
    else:
        import msgspec

        from trader.cli.status_view import print_status
        from trader.service.control.status import StatusSnapshot

        print_status(msgspec.convert(snapshot, StatusSnapshot))


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


def payments(
    config: ConfigOption = None, json: JsonOption = False, limit: LimitOption = 20, symbol: SymbolOption = None
) -> None:
    """List funding, and what liquidations cost (perpetuals)."""
    _list("payments", config, json, {"limit": limit, "symbol": symbol})


def balances(config: ConfigOption = None, json: JsonOption = False) -> None:
    """List what the ledger holds of each currency."""
    _list("balances", config, json, {})


COMMANDS = (status, positions, orders, decisions, fills, trades, payments, balances)
"""In the order of the help page: a new one is a function above, a line here, and its columns in `tables`."""


def _list(command: str, config: Path | None, as_json: bool, arguments: dict[str, Any]) -> None:
    rows = answer(settings(config), command, arguments)["rows"]
    if as_json:
        _print_json(rows)
    else:
        from trader.cli.tables import print_rows

        print_rows(command, rows)


def answer(chosen: "Settings", command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """From the daemon; while it only starts, its status; else from the ledger."""
    from trader.adapters.ledger import ledger_path
    from trader.service.control.client import NotRunning, ask
    from trader.service.process.lock import holder
    from trader.service.process.places import control_path

    try:
        return ask(control_path(chosen), command, arguments)
    except NotRunning:
        pid = holder(chosen.account_dir)
    if pid is not None and command == "status":
        return _starting(chosen, pid)
    words = "no daemon is running" if pid is None else f"the daemon (process {pid}) is still starting"
    sys.stderr.write(f"{words}; from the ledger {ledger_path(chosen)}\n")
    return _from_ledger(chosen, command, arguments)


def _starting(chosen: "Settings", pid: int) -> dict[str, Any]:
    import msgspec

    from trader.service.control.reports import starting_snapshot

    answer: dict[str, Any] = msgspec.to_builtins(starting_snapshot(pid, *_account(chosen)))
    return answer


def _from_ledger(chosen: "Settings", command: str, arguments: dict[str, Any]) -> dict[str, Any]:
    from trader.adapters.ledger import open_ledger
    from trader.service.control.reports import Reports, ledger_snapshot

    ledger = open_ledger(chosen)
    return Reports(ledger, lambda: ledger_snapshot(ledger, *_account(chosen))).answer(command, arguments)


def _account(chosen: "Settings") -> tuple[str, str, str]:
    return chosen.mode, chosen.exchange.title, chosen.market.timeframe


def _print_json(value: Any) -> None:
    from trader.cli.output import print_json

    print_json(value)
