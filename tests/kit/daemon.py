"""The whole daemon as a subprocess: started with a configuration of its own, watched through its log lines.

Everything it starts (sandbox, training) inherits a mark in its environment. `close` ends the daemon and its sandbox
and then names whatever is left with that mark, so no test leaves a process behind unnoticed.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from trader.adapters.ledger import ledger_path
from trader.adapters.sql import SqlLedgerReader
from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.instrument import Instrument
from trader.sandbox.market.listing import listing_for
from trader.sandbox.server import process as sandbox_process
from trader.sandbox.server.status import RunningSandbox, read_status
from trader.service.control.client import ask
from trader.service.process.places import control_path

Line = dict[str, Any]  # one log line
Where = Callable[[Line], bool]

WAIT_S = 300.0  # longest wait for anything: ends what hangs, judges no speed
_POLL_S = 0.002
_MARK = "TRADER_TEST_MARK"
_LONGEST_RUN = "900s"  # a daemon whose test was killed ends by itself

_QUIET = {
    # numba keeps compiled kernels beside the sources, shared with all other tests, instead of one cache per state_dir
    "NUMBA_CACHE_DIR": "",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class Daemon:
    """`trader run` in a directory. Start it, end it or kill it, and start it again on the same state."""

    def __init__(self, directory: Path, config: Mapping[str, Any]) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.state_dir = directory / "var"
        self.config_file = directory / "config.yaml"
        self.mark = secrets.token_hex(8)
        self.environ: dict[str, str] = {}  # on top of this process's
        self.process: subprocess.Popen[bytes] | None = None
        self._starts = 0
        self.configure(config)

    def configure(self, config: Mapping[str, Any]) -> None:
        """The configuration of the next start; state directory and log format are set here."""
        self.config = config
        log = {**config.get("log", {}), "format": "json"}
        asked = {**config, "storage": {"state_dir": str(self.state_dir)}, "log": log}
        self.config_file.write_text(yaml.safe_dump(asked))
        self.settings: Settings = load(self.config_file, environ={})

    # --- the process ------------------------------------------------------------------------------------------

    def start(self, *, launcher: Sequence[str] = ("-m", "trader"), duration: str = _LONGEST_RUN) -> None:
        """Start it; returns at once."""
        assert not self.runs, "it runs already"
        self._starts += 1
        with self.log_file.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, *launcher, "run", "--config", str(self.config_file), "--duration", duration],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=self.directory,
                env=self._environment(),
            )

    def run_command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`trader <arguments> --config ...` to its end."""
        return subprocess.run(
            [sys.executable, "-m", "trader", *arguments, "--config", str(self.config_file)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.directory,
            env=self._environment(),
            timeout=WAIT_S,
            check=False,
        )

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def runs(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def kill9(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(WAIT_S)

    def terminate(self) -> int:
        """SIGTERM; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Its exit code, once it ends."""
        assert self.process is not None
        return self.process.wait(WAIT_S)

    def close(self) -> None:
        """End everything that belongs to this daemon. Raises when it had left more than its sandbox."""
        if self.runs:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.terminate()
        if self.runs:
            self.kill9()
        self.stop_sandbox()
        left = self.marked_processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert not left, f"left behind: {left}"

    def marked_processes(self) -> dict[int, str]:
        """Pid -> command line of every live process that descends from this daemon's starts (Linux)."""
        found = {}
        mark = f"{_MARK}={self.mark}".encode()
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and mark in (entry / "environ").read_bytes().split(b"\0"):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        return found

    def _environment(self) -> dict[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TRADER_")}
        return {**ours, **_QUIET, _MARK: self.mark, **self.environ}

    # --- its log ----------------------------------------------------------------------------------------------

    @property
    def log_file(self) -> Path:
        """Output of the newest start."""
        return self.directory / f"run-{self._starts}.log"

    def lines(self, event: str | None = None, where: Where | None = None) -> list[Line]:
        """The log lines of the newest start, as far as written."""
        found = []
        for text in self.log_file.read_bytes().split(b"\n"):
            with contextlib.suppress(json.JSONDecodeError):
                line = json.loads(text)
                if event in (None, line.get("event")) and (where is None or where(line)):
                    found.append(line)
        return found

    def wait_for(self, *events: str, where: Where | None = None, count: int = 1) -> list[Line]:
        """The first `count` lines of any of `events` that fit, in this run. Fails when the daemon ends first."""
        found: list[Line] = []
        offset, kept = 0, b""
        deadline = time.monotonic() + WAIT_S
        with self.log_file.open("rb") as log:
            while True:
                was_running = self.runs
                log.seek(offset)
                chunk = log.read()
                offset += len(chunk)
                *whole, kept = (kept + chunk).split(b"\n")
                lines = [json.loads(text) for text in whole if any(event.encode() in text for event in events)]
                found += [line for line in lines if line["event"] in events and (where is None or where(line))]
                if len(found) >= count:
                    return found[:count]
                assert was_running, f"{len(found)} of {count} {events} before the daemon ended\n{self.tail()}"
                assert time.monotonic() < deadline, f"{len(found)} of {count} {events}\n{self.tail()}"
                if not chunk:
                    time.sleep(_POLL_S)

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Until `holds()`; fails when the daemon ends first."""
        deadline = time.monotonic() + WAIT_S
        while not holds():
            assert self.runs, f"the daemon ended before {what}\n{self.tail()}"
            assert time.monotonic() < deadline, f"not in {WAIT_S:g} s: {what}\n{self.tail()}"
            time.sleep(0.05)

    def tail(self, count: int = 30) -> str:
        """The newest lines as they are, for messages."""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-count:])

    # --- what it and the exchange say -------------------------------------------------------------------------

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """One command over the control socket."""
        return ask(control_path(self.settings), command, arguments, timeout_s=WAIT_S)

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    @contextmanager
    def ledger(self) -> Iterator[SqlLedgerReader]:
        reader = SqlLedgerReader(ledger_path(self.settings))
        try:
            yield reader
        finally:
            reader.close()

    @property
    def sandbox_dir(self) -> Path:
        return self.state_dir / "sandbox"

    @property
    def sandbox(self) -> RunningSandbox:
        """The sandbox that this daemon's start left running."""
        found = read_status(self.sandbox_dir)
        assert found is not None, f"no sandbox runs in {self.sandbox_dir}"
        return found

    def truth(self) -> dict[str, Any]:
        """What the exchange itself says: `GET /sandbox/state`."""
        answer: dict[str, Any] = self.get("/sandbox/state")
        return answer

    def get(self, path: str) -> Any:
        """The sandbox's answer to a public request."""
        running = self.sandbox
        tls = ssl.create_default_context(cafile=str(running.ca_file))
        with urllib.request.urlopen(f"{running.endpoint}{path}", timeout=WAIT_S, context=tls) as response:
            return json.loads(response.read())

    def instrument(self, symbol: str) -> Instrument:
        """As the generated market lists it."""
        return listing_for(symbol).instrument

    def stop_sandbox(self) -> None:
        """End the sandbox, if one runs; its state stays."""
        running = read_status(self.sandbox_dir)
        if running is None:
            return
        with ThreadPoolExecutor(1) as aside:  # the test's own loop may be running here
            aside.submit(asyncio.run, sandbox_process.stop(self.sandbox_dir, running)).result()


def seconds(line: Line) -> float:
    """When a line was written: the machine's time, s."""
    return datetime.fromisoformat(line["time"]).timestamp()


def market_ms(line: Line) -> float:
    """When a line was written: market time, ms."""
    written: str = line.get("market_time") or line["time"]
    return datetime.fromisoformat(written).timestamp() * 1000
