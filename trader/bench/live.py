"""A whole daemon on the bundled sandbox, measured from outside: start, end, memory, processor share, naked time."""

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import Timer
from timeit import default_timer
from typing import IO, Any

SYMBOLS: tuple[str, ...] = ("BTC", "ETH", "BNB", "SOL", "XRP", "ADA", "DOGE", "LTC", "LINK", "AVAX")
SYMBOLS += ("TRX", "DOT", "BCH", "SUI", "NEAR", "UNI", "ATOM", "INJ", "XLM", "ZEC")
_RUN_S = 60


def measure() -> dict[str, Any]:
    """Train, then run 20 symbols twice on a fresh state directory: compiled kernels, then also a known ledger."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "bench.json"
        config.write_text(json.dumps(_config(Path(folder) / "state")))
        try:
            for command in ("compile", "train"):
                _trader(command, config).wait()
            first, second = _run(config), _run(config)
        finally:
            _end_sandbox(Path(folder) / "state")
    naked_ms = sorted(first["naked_ms"] + second["naked_ms"])
    return {
        "symbols": len(SYMBOLS),
        "ready_first_s": first["ready_s"],
        "ready_again_s": second["ready_s"],
        "rss_mb": second["rss_mb"],
        "processor_share": second["processor_share"],
        "decisions": second["decisions"],
        "entries": len(naked_ms),
        "naked_median_ms": statistics.median(naked_ms) if naked_ms else None,
        "naked_longest_ms": max(naked_ms, default=None),
        "shutdown_longest_s": max(first["shutdown_s"] + second["shutdown_s"], default=None),
    }


def _config(state_dir: Path) -> dict[str, Any]:
    return {
        "exchange": {"id": "sandbox", "symbols": [f"{base}/USDT" for base in SYMBOLS]},
        "model": {"training_candles": 2_000},
        "storage": {"state_dir": str(state_dir)},
        "log": {"format": "json"},
    }


def _trader(command: str, config: Path, *more: str) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "trader", command, "--config", str(config), *more]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(words, stdout=subprocess.PIPE if command == "run" else quiet, stderr=quiet, text=True)


def _run(config: Path) -> dict[str, Any]:
    process = _trader("run", config)
    assert process.stdout is not None
    found: dict[str, Any] = {"ready_s": None, "decisions": 0, "naked_ms": []}
    naked, asked_s = NakedTime(), None
    end = Timer(_RUN_S, process.terminate)
    end.start()
    for line in _lines(process.stdout):
        if line.get("event") == "daemon.ready":
            found["ready_s"] = line["after_s"]
        elif line.get("event") == "decision.made":
            found["decisions"] += 1
        elif line.get("event") == "daemon.stopping":
            asked_s = default_timer()
        found["naked_ms"] += naked.ends(line)
        if found["ready_s"] is not None and process.poll() is None:
            found.update(_resources(process.pid))
    process.wait()
    end.cancel()
    return {**found, "shutdown_s": [] if asked_s is None else [default_timer() - asked_s]}


class NakedTime:
    """From the first fill of an entry until the stop that protects it rests, by the daemon's own log."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}  # client id -> symbol
        self._since: dict[str, datetime] = {}  # symbol -> when its first fill was booked

    def ends(self, line: dict[str, Any]) -> list[float]:
        """How long a position was naked, ms, once `line` tells that it is so no more."""
        match line.get("event"), line.get("purpose"):
            case "order.submitted", "entry":
                self._entries[line["client_id"]] = line["symbol"]
            case "fill.booked", _ if symbol := self._entries.get(line["client_id"]):
                self._since.setdefault(symbol, datetime.fromisoformat(line["time"]))
            case "order.open", "stop" if began := self._since.pop(line["symbol"], None):
                return [(datetime.fromisoformat(line["time"]) - began).total_seconds() * 1e3]
            case "trade.closed", _:
                self._since.pop(line["symbol"], None)
            case _:
                pass
        return []


def _lines(stream: IO[str]) -> Iterator[dict[str, Any]]:
    for text in stream:
        try:
            yield json.loads(text)
        except json.JSONDecodeError:
            continue


def _resources(pid: int) -> dict[str, float]:
    """Resident memory, and processor time over the life of the process; what was last seen if it has just ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        uptime_s = float(Path("/proc/uptime").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return {}
    ticks = os.sysconf("SC_CLK_TCK")
    resident_kb = next((int(row.split()[1]) for row in status.splitlines() if row.startswith("VmRSS")), None)
    if resident_kb is None:
        return {}
    lived_s = uptime_s - int(fields[19]) / ticks
    used_s = (int(fields[11]) + int(fields[12])) / ticks
    return {"rss_mb": resident_kb / 1024, "processor_share": used_s / max(lived_s, 0.01)}


def _end_sandbox(state_dir: Path) -> None:
    """The embedded sandbox outlives its daemon on purpose; here it has done its work."""
    try:
        running = json.loads((state_dir / "sandbox" / "running.json").read_text())
        os.kill(running["pid"], signal.SIGTERM)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it never came up, or has ended
