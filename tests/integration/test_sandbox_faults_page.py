"""docs/sandbox.md: its program runs as printed, and it names every fault and parameter."""

import asyncio
import re
import sys
from pathlib import Path

import msgspec
import pytest

from tests.kit.sandbox import sandbox, truth
from trader.sandbox.faults.kinds import KINDS

PAGE = Path(__file__).parents[2] / "docs" / "sandbox.md"
_SHARED = {"path", "method", "containing", "next", "for_s"}  # of every fault of requests: told once


def program() -> str:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.real_time
async def test_the_program_trades_on_a_sandbox_as_it_is_printed(tmp_path: Path) -> None:
    script = tmp_path / "trades.py"
    script.write_text(program())
    assert len([line for line in program().splitlines() if line.strip()]) <= 25
    async with sandbox(tmp_path / "box", symbols=("BTC/USDT",), history_candles=600) as running:
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, tmp_path / "box", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), 300)
        finally:
            if process.returncode is None:
                process.kill()
        assert process.returncode == 0, err.decode()
        assert out.decode().startswith("closed ")
        assert len((await truth(running))["orders"]) == 1


def test_every_kind_of_fault_stands_there_with_its_parameters() -> None:
    rows = {row[1]: row[2] for row in re.finditer(r"^\| `(\w+)` \| ([^|]*)\|", PAGE.read_text(), re.MULTILINE)}
    assert set(rows) == set(KINDS)
    for kind, shape in KINDS.items():
        told = set(re.findall(r"`(\w+)`", rows[kind]))
        fields = {field.name for field in msgspec.structs.fields(shape)}
        if rows[kind].startswith("request"):
            assert fields >= _SHARED
            fields -= _SHARED
        assert told == fields, kind


def test_every_kind_of_fault_has_a_test_of_what_the_daemon_does() -> None:
    rows = re.findall(r"^\| ([a-z_ ]+) \| ([^|]*) \| (`test_[^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    assert {fault for fault, _, _ in rows} == {*KINDS, "restart", "all at once"}
    assert all(reaction for fault, reaction, _ in rows if fault != "all at once")
    folder = Path(__file__).parents[1]
    files = [*folder.glob("integration/test_faults_*.py"), *folder.glob("scenario/test_*.py")]
    there = {name for file in files for name in re.findall(r"def (test_\w+)", file.read_text())}
    assert {name for _, _, tests in rows for name in re.findall(r"`(\w+)`", tests)} <= there
