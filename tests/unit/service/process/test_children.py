"""Children are heard line by line and never outlive whoever started them."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trader.service.process.children import run_child

TALKER = """
import os, sys
print("first")
print("second", file=sys.stderr, flush=True)
sys.stdout.write("10%\\r20%\\r")
print(f"nice {os.nice(0)} group {os.getpgid(0) == os.getpid()}")
sys.stdout.write("no line end")
sys.exit(int(sys.argv[1]))
"""
STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(f"{os.getpid()} {grandchild.pid}", flush=True)
time.sleep(600)
"""


@pytest.fixture
def modules(tmp_path: Path) -> dict[str, str]:
    """Child programs as modules, and the environment that finds them."""
    (tmp_path / "talker.py").write_text(TALKER)
    (tmp_path / "stubborn.py").write_text(STUBBORN)
    return {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(__file__).parents[3]}"}


async def test_output_arrives_line_by_line_with_the_exit_code(modules: dict[str, str]) -> None:
    lines: list[str] = []
    code = await run_child(["talker", "3"], lines.append, niceness=7, environ=modules)
    assert code == 3
    assert sorted(lines) == sorted(
        ["first", "second", "10%", "20%", f"nice {os.nice(0) + 7} group True", "no line end"]
    )


async def test_an_endless_line_is_cut(tmp_path: Path, modules: dict[str, str]) -> None:
    (tmp_path / "endless.py").write_text("print('x' * 1_000_000)")
    lines: list[str] = []
    assert await run_child(["endless"], lines.append, environ=modules) == 0
    assert lines
    assert max(map(len, lines)) <= 8_192


async def test_a_missing_module_is_an_exit_code_and_its_words(modules: dict[str, str]) -> None:
    lines: list[str] = []
    assert await run_child(["no_such_module"], lines.append, environ=modules) == 1
    assert "No module named no_such_module" in lines[-1]


async def test_cancelling_ends_the_whole_group(modules: dict[str, str]) -> None:
    started = asyncio.Event()
    lines: list[str] = []

    def hear(line: str) -> None:
        lines.append(line)
        started.set()

    task = asyncio.ensure_future(run_child(["stubborn"], hear, grace_s=0.1, environ=modules))
    async with asyncio.timeout(300):
        await started.wait()
    pids = [int(word) for word in lines[0].split()]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert wait_for_end(pids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed process")
def test_a_killed_parent_takes_its_child_along(modules: dict[str, str]) -> None:
    program = (
        "import asyncio; from trader.service.process.children import run_child;"
        "asyncio.run(run_child(['stubborn'], lambda line: print(line, flush=True)))"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=modules)
    assert parent.stdout is not None
    child, grandchild = (int(word) for word in parent.stdout.readline().split())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert wait_for_end([child])
    os.kill(grandchild, signal.SIGKILL)  # only a clean end reaches the whole group


def wait_for_end(pids: list[int]) -> bool:
    """Whether all of them end (the kernel may take a moment)."""
    for _ in range(6_000):
        if not any(map(is_alive, pids)):
            return True
        time.sleep(0.01)
    return False


def is_alive(pid: int) -> bool:
    """Whether the process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
async def test_memory_and_threads_are_limited(tmp_path: Path, modules: dict[str, str]) -> None:
    (tmp_path / "greedy.py").write_text(
        "import os\n"
        "idle = os.sched_getscheduler(0) == os.SCHED_IDLE\n"
        "print('threads', os.environ['OMP_NUM_THREADS'], 'idle', idle, flush=True)\n"
        "kept = bytearray(50_000_000)\n"
        "print('enough', flush=True)\n"
        "more = bytearray(500_000_000)\n"
    )
    lines: list[str] = []
    many = {**modules, "OMP_NUM_THREADS": "8"}
    assert await run_child(["greedy"], lines.append, niceness=19, memory_mb=300, environ=many) == 1
    assert lines[:2] == ["threads 1 idle True", "enough"]
    assert lines[-1] == "MemoryError"
