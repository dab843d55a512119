"""Child processes (training, recording): started low, heard line by line, never left behind.

A child gets a process group of its own and, on Linux, dies with the daemon even when that is killed.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from trader.domain.errors import Misconfigured

OnLine = Callable[[str], None]

_LONGEST_LINE = 8_192


async def run_child(
    arguments: Sequence[str],
    on_line: OnLine,
    *,
    niceness: int = 10,
    memory_mb: int = 0,
    grace_s: float = 5.0,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run `python -m <arguments>` to its end; its exit code (negative: the signal that ended it).

    Standard output and error arrive together in `on_line`, without line ends and the blanks before them; a carriage
    return ends a line too, so progress displays arrive as they are drawn. `memory_mb` limits its memory, 0 does not.
    When this is cancelled the child's whole group gets SIGTERM, after `grace_s` (real seconds) SIGKILL, and only then
    is the cancellation passed on.
    """
    process = await start_child(
        arguments, niceness=niceness, memory_mb=memory_mb, environ=environ, stdin=asyncio.subprocess.DEVNULL
    )
    assert process.stdout is not None
    try:
        await relay_lines(process.stdout, on_line)
        return await process.wait()
    finally:
        await asyncio.shield(end_child(process, grace_s))


async def start_child(
    arguments: Sequence[str],
    *,
    niceness: int,
    memory_mb: int = 0,
    environ: Mapping[str, str] | None = None,
    stdin: int,
) -> asyncio.subprocess.Process:
    """Start `python -m <arguments>`; whoever calls this calls `end_child` too. `stdin`: a constant of asyncio's."""
    limits = [str(os.getpid()), str(niceness), str(memory_mb)]
    launcher = [sys.executable, "-m", "trader.service.process.launch", *limits, *arguments]
    try:
        return await asyncio.create_subprocess_exec(
            *launcher,
            stdin=stdin,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            env=dict(environ) if environ is not None else None,
        )
    except OSError as error:
        raise Misconfigured(f"{sys.executable}: cannot be started: {error.strerror}") from error


async def relay_lines(stream: asyncio.StreamReader, on_line: OnLine) -> None:
    """Every line of a child's output, until it closes it."""
    kept = b""
    while chunk := await stream.read(65_536):
        *lines, kept = (kept + chunk).replace(b"\r", b"\n").split(b"\n")
        if len(kept) > _LONGEST_LINE:
            lines, kept = [*lines, kept], b""
        for line in lines:
            if line.strip():
                on_line(line[:_LONGEST_LINE].decode(errors="replace").rstrip())
    if kept.strip():
        on_line(kept[:_LONGEST_LINE].decode(errors="replace").rstrip())


async def end_child(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """No process of the group outlives this."""
    if process.returncode is None:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await process.wait()
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
