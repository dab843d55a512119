"""Is it well? `doctor` before and beside a running daemon, `health` for whatever watches it."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from trader.cli.options import ConfigOption, JsonOption, settings

if TYPE_CHECKING:
    from trader.service.doctor.finding import Finding

_HEALTH_WAIT_S = 5.0
_STYLES = {"pass": "green", "warn": "yellow", "fail": "bold red"}

DOCTOR_EPILOG = "It only looks: nothing is started, made or sent with keys. Exit code 0 unless something fails."


def doctor(config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check machine, libraries, state, keys, exchange and model, and say how to cure what is wrong."""
    findings = _findings(config)
    if json:
        import msgspec

        from trader.cli.output import print_json

        print_json(msgspec.to_builtins(findings))
    else:
        _print(findings)
    raise typer.Exit(int(any(finding.verdict == "fail" for finding in findings)))


def health(config: ConfigOption = None) -> None:
    """Tell in one line whether the daemon answers and trades: exit code 0, else 1. For health checks."""
    chosen = settings(config)
    import msgspec

    from trader.domain.errors import Unavailable
    from trader.service.control.client import NotRunning, ask
    from trader.service.control.status import StatusSnapshot
    from trader.service.process.lock import holder
    from trader.service.process.places import control_path

    try:
        answer = ask(control_path(chosen), "status", timeout_s=_HEALTH_WAIT_S)
    except NotRunning:
        pid = holder(chosen.account_dir)
        if pid is None:
            raise
        raise Unavailable(f"the daemon (process {pid}) is still starting") from None
    status = msgspec.convert(answer, StatusSnapshot)
    typer.echo(": ".join(part for part in (status.trading_state, "; ".join(status.trading_reasons)) if part))


def _findings(config: Path | None) -> "list[Finding]":
    from trader.domain.errors import Misconfigured

    try:
        chosen = settings(config)
    except Misconfigured as error:
        from trader.service.doctor.examination import examine_without_settings

        return examine_without_settings(error)
    from trader.app.machine import doctor as examine

    return examine(chosen)


def _print(findings: "list[Finding]") -> None:
    from collections import Counter

    from rich.markup import escape
    from rich.table import Table

    from trader.cli.output import console

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=4)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for finding in findings:
        style = _STYLES[finding.verdict]
        cure = f"\n[{style}]->[/] {escape(finding.cure)}" if finding.cure else ""
        table.add_row(f"[{style}]{finding.verdict}[/]", finding.name, escape(finding.found) + cure)
    counts = Counter[str](finding.verdict for finding in findings)
    out = console()
    out.print(table)
    out.print(", ".join(f"{counts[verdict]} {verdict}" for verdict in _STYLES if counts[verdict]))
