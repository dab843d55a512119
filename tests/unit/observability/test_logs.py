"""What a log line looks like, for machines and people, and what never stands in one."""

import io
import json
import logging
import os
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
import structlog

from trader.config.log import LogSettings
from trader.domain.errors import Misconfigured
from trader.observability import logs

SECRET = "s3cr3t/with+signs"
MARKET_MS = 1_763_900_000_123


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    logging.captureWarnings(False)
    structlog.reset_defaults()


def configured(
    stream: io.StringIO, settings: LogSettings | None = None, secrets: tuple[str, ...] = ()
) -> logs.LogOutput:
    return logs.configure(settings or LogSettings(format="json"), secrets, stream=stream)


def lines_of(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_json_line_has_the_words_in_order_and_both_times() -> None:
    stream = io.StringIO()
    output = configured(stream)
    output.use_market_time(lambda: MARKET_MS)
    log = logs.logger(run="r1").bind(decision_id="d-1")
    log.info("order.sent", symbol="BTC/USDT", quantity=Decimal("0.10"), message="buy at market", price=50_000.5)
    output.close()
    (line,) = lines_of(stream)
    time = line.pop("time")
    assert isinstance(time, str)
    assert time.endswith("Z")
    assert list(line.items()) == [
        ("market_time", "2025-11-23T12:13:20.123Z"),
        ("level", "info"),
        ("event", "order.sent"),
        ("message", "buy at market"),
        ("symbol", "BTC/USDT"),
        ("run", "r1"),
        ("decision_id", "d-1"),
        ("quantity", "0.10"),
        ("price", 50_000.5),
    ]


def test_ids_bound_around_a_call_are_on_every_line_of_it() -> None:
    stream = io.StringIO()
    output = configured(stream)
    with logs.bound(parent_id="p-1", client_id="c-1"):
        logs.logger().info("order.sent")
    logs.logger().info("order.gone")
    output.close()
    sent, gone = lines_of(stream)
    assert (sent["parent_id"], sent["client_id"]) == ("p-1", "c-1")
    assert "parent_id" not in gone


def test_a_childs_lines_come_out_as_they_were_said() -> None:
    stream = io.StringIO()
    output = configured(stream)
    said = '{"time":"2025-01-01T00:00:00Z","level":"warning","event":"train.slow","message":"m","fold":2}'
    logs.relay(said, "train.said")
    for line in ("training 10%", "[1, 2]", '{"level": "info"}', '{"level": "close", "event": "x"}'):
        logs.relay(line, "train.said")
    output.close()
    first, *rest = lines_of(stream)
    assert (first["level"], first["event"], first["message"], first["fold"]) == ("warning", "train.slow", "m", 2)
    assert first["time"] != "2025-01-01T00:00:00Z"
    assert [(line["event"], line["level"]) for line in rest] == [("train.said", "info")] * 4
    assert rest[0]["message"] == "training 10%"


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    output = configured(stream, LogSettings(format="json", level="warning"))
    logs.logger().info("order.sent")
    logs.logger().warning("stream.stale")
    logging.getLogger("some.library").info("chatter")
    output.close()
    assert [line["event"] for line in lines_of(stream)] == ["stream.stale"]


def test_libraries_and_warnings_come_out_the_same_way() -> None:
    stream = io.StringIO()
    output = configured(stream)
    logging.getLogger("ccxt.base").warning("limit of %s reached", 5)
    logging.getLogger("asyncio").info("using a selector")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("this will go away", stacklevel=1)
    output.close()
    library, warned = lines_of(stream)
    assert (library["event"], library["library"]) == ("library.logged", "ccxt.base")
    assert library["message"] == "limit of 5 reached"
    assert warned["event"] == "python.warned"
    assert str(warned["message"]).endswith("UserWarning: this will go away")


def test_an_exception_is_told_with_its_traceback() -> None:
    stream = io.StringIO()
    output = configured(stream)
    try:
        raise KeyError("spot")
    except KeyError:
        logs.logger().exception("task.failed", message="the account stream ended")
    output.close()
    (line,) = lines_of(stream)
    assert line["level"] == "error"
    assert "KeyError: 'spot'" in str(line["exception"])


@pytest.mark.parametrize("form", ["json", "console"])
def test_a_secret_never_stands_in_a_line(form: str, tmp_path: Path) -> None:
    stream = io.StringIO()
    file = tmp_path / "trader.log"
    pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKs3\n-----END PRIVATE KEY-----"
    settings = LogSettings.model_validate({"format": form, "file": file})
    output = configured(stream, settings, (SECRET, pem))
    log = logs.logger()
    log.info("a.b", message=f"key is {SECRET}", nested={"deep": [SECRET]}, url="https://x/?k=s3cr3t%2Fwith%2Bsigns")
    log.info("a.b", api_key="harmless looking", inner={"password": "also harmless looking", "ok": 1})
    log.info("a.b", message=pem, first_line=pem.splitlines()[1])
    logging.getLogger("aiohttp.client").error("sent header %s", SECRET)
    try:
        raise ValueError(f"signature over {SECRET} failed")
    except ValueError:
        log.exception("a.b")
    output.close()
    for text in (stream.getvalue(), file.read_text()):
        assert len(text.splitlines()) >= 5
        assert "***" in text
        for shape in ("s3cr3t", "harmless looking", "MC4CAQAwBQYDK2VwBCIEIKs3"):
            assert shape not in text


def test_a_console_line_is_aligned_and_in_market_time() -> None:
    stream = io.StringIO()
    output = logs.configure(LogSettings(format="console"), stream=stream, market_ms=lambda: MARKET_MS)
    log = logs.logger()
    log.info("decision.made", symbol="BTC/USDT", message="skip", edge_bps=3.14159265, decision_id="d-1", regime="bull")
    log.warning("stream.stale", symbol="ETH/USDT", message="no book for 11 s")
    output.close()
    rule, first, second = stream.getvalue().splitlines()
    assert rule.startswith("── Sun 23 Nov 2025 UTC, market time ───")
    assert first == (
        "12:13:20  info   decision.made         BTC/USDT   skip"
        + " " * 42
        + "edge_bps=3.14159 regime=bull decision_id=d-1"
    )
    assert second == "12:13:20  WARN   stream.stale          ETH/USDT   no book for 11 s"


def test_colours_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    for stream, has_colours in ((Terminal(), True), (io.StringIO(), False)):
        output = logs.configure(LogSettings(format="console"), stream=stream)
        logs.logger().info("a.b")
        output.close()
        assert ("\x1b[" in stream.getvalue()) is has_colours


def test_auto_means_json_into_a_pipe_and_console_on_a_terminal() -> None:
    for stream, is_json in ((Terminal(), False), (io.StringIO(), True)):
        output = logs.configure(LogSettings(), stream=stream)
        logs.logger().info("a.b")
        output.close()
        assert stream.getvalue().startswith("{") is is_json


def test_the_file_is_private_json_and_rotates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_LARGEST_FILE_BYTES", 2_000)
    file = tmp_path / "logs" / "trader.log"
    settings = LogSettings.model_validate({"format": "console", "file": file})
    output = configured(io.StringIO(), settings)
    for number in range(200):
        logs.logger().info("a.b", number=number)
    output.close()
    files = sorted(file.parent.iterdir())
    assert [path.name for path in files] == ["trader.log", *(f"trader.log.{n}" for n in range(1, 6))]
    assert all(path.stat().st_size <= 2_000 for path in files)
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 199
    assert file.stat().st_mode & 0o077 == 0


def test_an_unwritable_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    settings = LogSettings.model_validate({"file": tmp_path / "file" / "trader.log"})
    with pytest.raises(Misconfigured, match=r"^log\.file: .*/file/trader\.log cannot be written: "):
        configured(io.StringIO(), settings)


class Stuck(io.StringIO):
    """A terminal that does not take anything until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def write(self, text: str) -> int:
        self.released.wait(30)
        return super().write(text)


def test_a_stuck_terminal_delays_nobody_and_the_loss_is_told() -> None:
    stream = Stuck()
    output = configured(stream)
    log = logs.logger()
    for number in range(10_500):
        log.info("a.b", number=number)
    assert output.dropped > 0
    stream.released.set()
    output.close()
    lines = lines_of(stream)
    assert lines[0]["number"] == 0
    assert len(lines) == 10_500 - output.dropped + 1
    assert lines[-1]["message"] == f"{output.dropped} lines were dropped: the output was too slow"


def test_lines_written_before_the_process_ends_are_all_there() -> None:
    program = (
        "from trader.config.schema import LogSettings; from trader.observability import logs;"
        "logs.configure(LogSettings(format='json'));"
        "[logs.logger().info('a.b', number=n) for n in range(500)]"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environ)
    assert [json.loads(line)["number"] for line in told.stdout.splitlines()] == list(range(500))
    assert told.stderr == ""
