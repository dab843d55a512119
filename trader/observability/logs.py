"""Logs: `log.info("order.sent", message="buy 0.1 at market", symbol="BTC/USDT", client_id=...)`.

Events are named `noun.verb`. Every line carries the machine's time and, where it differs, market time. Lines of
libraries that use `logging` and Python's warnings come out the same way. Ids that belong together are bound once:
`log = logger().bind(decision_id=...)`, or for everything called inside a block `with bound(parent_id=...)`.

Lines are rendered and written by a thread: a stuck terminal or a slow disk never delays a decision. When 10,000
lines wait, further ones are dropped and counted.
"""

import atexit
import logging
import logging.handlers
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, cast

import msgspec
import structlog
from structlog.contextvars import bound_contextvars as bound
from structlog.typing import EventDict, FilteringBoundLogger

from trader.config.log import LogSettings
from trader.domain.errors import Misconfigured
from trader.observability.console import ConsoleLines
from trader.observability.redaction import Redactor

__all__ = ["LogOutput", "bound", "configure", "logger", "relay"]

_LARGEST_FILE_BYTES, _FILES_KEPT = 20_000_000, 5
_QUEUED_LINES = 10_000
_LAST_WAIT_S = 3.0
_Waiting = queue.Queue[logging.LogRecord | None]
_TALKATIVE = ("aiohttp", "asyncio", "ccxt", "hypercorn", "matplotlib", "numba", "sqlalchemy", "urllib3")


def logger(**fields: object) -> FilteringBoundLogger:
    """A logger with `fields` on each of its lines."""
    return cast(FilteringBoundLogger, structlog.get_logger(**fields))


def configure(
    settings: LogSettings,
    secrets: Iterable[str] = (),
    *,
    market_ms: Callable[[], int] | None = None,
    stream: TextIO | None = None,
) -> "LogOutput":
    """Send all logs to `stream` (default: standard output) and the configured file; replaces an earlier call.

    `secrets` are struck out of every line. `market_ms` is the market's clock when it is not the machine's.
    Raises `Misconfigured` when the file cannot be written.
    """
    output = LogOutput(settings, Redactor(secrets), stream or sys.stdout, market_ms)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root = logging.getLogger()
    for handler in list(root.handlers):
        if isinstance(handler, _Inlet):
            handler.output.close()
    root.addHandler(output.inlet)
    root.setLevel(level)
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    logging.captureWarnings(True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            _to_stdlib,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: logging.getLogger("trader"),
        cache_logger_on_first_use=False,
    )
    return output


def relay(line: str, event: str) -> None:
    """Log one line of a child process: a JSON log line comes out as it was said there, anything else as `event`."""
    try:
        told = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        told = {}
    level = told.pop("level", None)
    if "event" not in told or level not in ("debug", "info", "warning", "error", "critical"):
        logger().info(event, message=line)
        return
    kept = {name: value for name, value in told.items() if name not in ("event", "time", "market_time")}
    getattr(logger(), level)(told["event"], **kept)


def _to_stdlib(_logger: object, _method: str, event: EventDict) -> tuple[tuple[EventDict], dict[str, object]]:
    return (event,), {}


class LogOutput:
    """Where lines go. `close` writes what waits; it also happens when the process ends."""

    def __init__(
        self, settings: LogSettings, redactor: Redactor, stream: TextIO, market_ms: Callable[[], int] | None
    ) -> None:
        self.dropped = 0
        self._market_ms = market_ms
        is_terminal = stream.isatty()
        is_console = settings.format == "console" or (settings.format == "auto" and is_terminal)
        lines = ConsoleLines(colours=is_terminal and "NO_COLOR" not in os.environ).render if is_console else json_line
        shown = _QuietStream(stream)
        shown.setFormatter(_Formatter(lines, redactor))
        handlers: list[logging.Handler] = [shown]
        if settings.file is not None:
            handlers.append(_file_handler(settings.file, redactor))
        self._handlers = handlers
        waiting: _Waiting = queue.Queue(_QUEUED_LINES)
        self.inlet = _Inlet(waiting, self)
        self._listener: _Listener | None = _Listener(waiting, handlers)
        self._listener.start()
        atexit.register(self.close)

    def use_market_time(self, market_ms: Callable[[], int]) -> None:
        """From now on lines also carry this clock's time (the sandbox's clock is known only once it runs)."""
        self._market_ms = market_ms

    def market_ms(self) -> int | None:
        return None if self._market_ms is None else self._market_ms()

    def close(self) -> None:
        """Write everything that waits and let go of stream and file. Safe to call twice."""
        if self._listener is None:
            return
        logging.getLogger().removeHandler(self.inlet)
        listener, self._listener = self._listener, None
        atexit.unregister(self.close)
        if not listener.finish():
            return  # the output is stuck; its lock is held
        for handler in self._handlers:
            if self.dropped:
                handler.handle(self.inlet.loss(self.dropped))
            handler.close()


class _Inlet(logging.handlers.QueueHandler):
    """Takes a record on the caller's thread: fixes its words and time, never waits."""

    def __init__(self, waiting: _Waiting, output: LogOutput) -> None:
        super().__init__(waiting)
        self.output = output

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        event = dict(record.msg) if isinstance(record.msg, dict) else _of_library(record)
        event["time_ms"] = int(record.created * 1_000)
        market_ms = self.output.market_ms()
        if market_ms is not None:
            event["market_ms"] = market_ms
        record.msg, record.args, record.exc_info = event, None, None
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self.output.dropped += 1

    def loss(self, lines: int) -> logging.LogRecord:
        """The line that tells of lines that are missing."""
        record = logging.LogRecord("trader", logging.WARNING, "", 0, "", None, None)
        words = f"{lines} lines were dropped: the output was too slow"
        record.msg = {"event": "log.dropped", "level": "warning", "message": words}
        return self.prepare(record)


class _Formatter(logging.Formatter):
    def __init__(self, line: Callable[[dict[str, Any]], str], redactor: Redactor) -> None:
        super().__init__()
        self._line = line
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        assert isinstance(record.msg, dict)
        return self._redactor.text(self._line(self._redactor.fields(record.msg)))


class _Quiet(logging.Handler):
    """A reader that went away or a full disk costs lines, not tracebacks; the ledger is what reports a full disk."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  # the name is logging's
        if not isinstance(sys.exc_info()[1], OSError | ValueError):
            super().handleError(record)


class _QuietStream(_Quiet, logging.StreamHandler[TextIO]):
    pass


class _QuietFile(_Quiet, logging.handlers.RotatingFileHandler):
    def _open(self) -> Any:
        return open(self.baseFilename, self.mode, encoding=self.encoding, opener=_private)  # the handler closes it


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class _Listener(threading.Thread):
    """The writing thread."""

    def __init__(self, waiting: _Waiting, handlers: list[logging.Handler]) -> None:
        super().__init__(name="log-writer", daemon=True)
        self._waiting = waiting
        self._handlers = handlers

    def run(self) -> None:
        while (record := self._waiting.get()) is not None:
            for handler in self._handlers:
                handler.handle(record)

    def finish(self) -> bool:
        """Write what waits; whether all of it was written. A stuck output cannot keep the daemon from ending."""
        try:
            self._waiting.put(None, timeout=_LAST_WAIT_S)
        except queue.Full:
            return False
        self.join(_LAST_WAIT_S)
        return not self.is_alive()


def _file_handler(path: Path, redactor: Redactor) -> logging.Handler:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _QuietFile(path, maxBytes=_LARGEST_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8")
    except OSError as error:
        raise Misconfigured(f"log.file: {path} cannot be written: {error.strerror}; name a writable file") from error
    handler.setFormatter(_Formatter(json_line, redactor))
    return handler


def _of_library(record: logging.LogRecord) -> dict[str, Any]:
    text = record.getMessage()
    event: dict[str, Any] = {"event": "library.logged", "level": record.levelname.lower(), "library": record.name}
    if record.name == "py.warnings":
        event, text = {"event": "python.warned", "level": "warning"}, text.splitlines()[0]
    event["message"] = text
    if record.exc_info and record.exc_info[0] is not None:
        event["exception"] = logging.Formatter().formatException(record.exc_info)
    return event


def json_line(event: dict[str, Any]) -> str:
    """One JSON object: time, market_time (where it differs), level, event, message, symbol, then the rest."""
    head = {"time": _iso(event["time_ms"])}
    if "market_ms" in event:
        head["market_time"] = _iso(event["market_ms"])
    for name in ("level", "event", "message", "symbol"):
        if name in event:
            head[name] = event[name]
    rest = {name: value for name, value in event.items() if name not in head and name not in ("time_ms", "market_ms")}
    return msgspec.json.encode({**head, **rest}, enc_hook=str).decode()


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
