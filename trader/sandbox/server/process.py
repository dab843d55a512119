"""The embedded sandbox: a detached process that is found again, replaced when its configuration changed, or started."""

import asyncio
import contextlib
import os
import re
import signal
import ssl
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog
from msgspec.structs import replace

from trader.config.sandbox import SandboxSettings
from trader.domain.errors import Misconfigured, Unavailable
from trader.sandbox.server.options import SandboxOptions, make_private
from trader.sandbox.server.status import RunningSandbox, decode, encode, read_status, remove_status

log = structlog.get_logger(__name__)

_START_S = 30.0  # longest start (a first history takes under two seconds)
_STOP_S = 10.0
_POLL_S = 0.05
_ANSWER_S = 5.0
_COMMAND = (sys.executable, "-m", "trader", "sandbox")
_OPTIONS_FILE = "options.json"
_SECRET = re.compile(r"KEY|SECRET|TOKEN|PASSW", re.IGNORECASE)


async def ensure_running(
    settings: SandboxSettings,
    symbols: Sequence[str],
    timeframe: str,
    directory: Path,
    log_path: Path,
    command: Sequence[str] = _COMMAND,
) -> RunningSandbox:
    """The sandbox of `directory`, running with this configuration.

    A running one of the same configuration is used as it is. One of another configuration is stopped and a new one
    started: other symbols or another speed go on with the same account, another market (seed, edge, replay,
    timeframe, opening balance) is another exchange with an account of its own, and the former is kept on disk.
    Raises `Misconfigured` when the sandbox refuses its options, `Unavailable` when it does not come up.
    """
    options = _options(settings, symbols, timeframe, directory)
    found = read_status(directory)
    if found is not None and found.process_hash == options.process_hash() and await answers(found):
        log.info("sandbox.attached", endpoint=found.endpoint, pid=found.pid)
        return found
    if found is not None:
        await stop(directory, found)
    return await _start(options, log_path, command)


def _options(settings: SandboxSettings, symbols: Sequence[str], timeframe: str, directory: Path) -> SandboxOptions:
    make_private(directory)
    return SandboxOptions(
        directory=directory.resolve(),
        symbols=tuple(symbols),
        seed=settings.seed,
        speed=settings.speed,
        edge=settings.edge,
        timeframe=timeframe,
        quote_balance=settings.quote_balance,
        idle_exit_s=settings.idle_exit_s,
        replay=settings.replay.resolve() if settings.replay else None,
        recording=settings.recording,
        history=settings.history.resolve() if settings.history else None,
    ).validated()


async def answers(running: RunningSandbox) -> bool:
    """Whether that process is alive, is a sandbox, and keeps the same market clock."""
    if not _is_alive(running.pid):
        return False
    try:
        async with _session(running) as session, session.get(f"{running.endpoint}/sandbox/clock") as response:
            clock = await response.json()
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return False
    return bool(clock.get("real_epoch_ms") == running.real_epoch_ms and clock.get("speed") == running.speed)


async def stop(directory: Path, running: RunningSandbox) -> None:
    """End a sandbox: ask it, and kill it if it does not listen. Only a process that answers as one is ever killed."""
    if await answers(running):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
            async with _session(running) as session:
                await session.post(f"{running.endpoint}/sandbox/shutdown")
        if not await _until_gone(running.pid, _STOP_S):
            with contextlib.suppress(ProcessLookupError):
                os.kill(running.pid, signal.SIGKILL)
            await _until_gone(running.pid, _STOP_S)
        log.info("sandbox.replaced", pid=running.pid)
    remove_status(directory, running.pid)


async def restart(directory: Path, running: RunningSandbox, log_path: Path) -> RunningSandbox:
    """Stop a sandbox that `ensure_running` started and start it again: same port, same options, its state goes on.

    The market stands still meanwhile, so that afterwards its clock is behind that of who stayed connected. Raises
    `Misconfigured` for one that was started otherwise, `Unavailable` when it does not come up.
    """
    try:
        options = decode((directory / _OPTIONS_FILE).read_bytes(), SandboxOptions)
    except (OSError, msgspec.DecodeError) as error:
        raise Misconfigured(f"the sandbox in {directory} was not started by the daemon: {error}") from None
    await stop(directory, running)
    return await _start(replace(options, port=urlsplit(running.endpoint).port or 0), log_path, _COMMAND)


async def _start(options: SandboxOptions, log_path: Path, command: Sequence[str]) -> RunningSandbox:
    process = _spawn(options, log_path, command)
    deadline = asyncio.get_running_loop().time() + _START_S
    while asyncio.get_running_loop().time() < deadline:
        found = read_status(options.directory)
        if found is not None and found.pid == process.pid and await answers(found):
            log.info("sandbox.spawned", endpoint=found.endpoint, pid=found.pid)
            return found
        if process.poll() is not None:
            raise _failed_start(process.returncode, log_path)
        await asyncio.sleep(_POLL_S)
    process.kill()
    raise Unavailable(f"the sandbox did not answer within {_START_S:.0f} s; see {log_path}")


def _spawn(options: SandboxOptions, log_path: Path, command: Sequence[str]) -> subprocess.Popen[bytes]:
    """In a session of its own: neither Ctrl-C nor kill -9 of this process reaches it."""
    options_file = options.directory / _OPTIONS_FILE
    options_file.write_bytes(encode(options))
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as output:
        return subprocess.Popen(
            [*command, "--options-file", str(options_file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=_environment(),
        )


def _failed_start(code: int, log_path: Path) -> Misconfigured | Unavailable:
    lines = log_path.read_text(errors="replace").strip().splitlines()
    said = lines[-1] if lines else "nothing"
    message = f"the sandbox ended at start with exit code {code}: {said} (see {log_path})"
    return Misconfigured(message) if code == 2 else Unavailable(message)


def _environment() -> dict[str, str]:
    """Ours without anything secret, and with one thread per numeric library: the sandbox is a light companion."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    return {**kept, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1"}


def _session(running: RunningSandbox) -> aiohttp.ClientSession:
    try:
        tls = ssl.create_default_context(cafile=str(running.ca_file))
    except (OSError, ssl.SSLError) as error:
        raise aiohttp.ClientError(f"{running.ca_file} cannot be read") from error
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=tls), timeout=aiohttp.ClientTimeout(total=_ANSWER_S)
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's process got the number
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A child of ours that has ended and that nobody has waited for (Linux; elsewhere the answer is no)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False


async def _until_gone(pid: int, most_s: float) -> bool:
    deadline = asyncio.get_running_loop().time() + most_s
    while _is_alive(pid):
        if asyncio.get_running_loop().time() > deadline:
            return False
        await asyncio.sleep(_POLL_S)
    return True
