"""A sandbox of five symbols at sixty times real time, measured from outside while somebody listens to everything."""

import asyncio
import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

_SYMBOLS = ("btcusdt", "ethusdt", "bnbusdt", "solusdt", "xrpusdt")
_STREAMS = ("depth@100ms", "trade", "bookTicker", "kline_1m")
_START_TENTHS, _WARM_S, _RUN_S = 600, 2.0, 8.0


def measure() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "trader", "sandbox", "--directory", folder, "--speed", "60"]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                return asyncio.run(_listen(process.pid, _started(process, Path(folder) / "running.json")))
            finally:
                process.send_signal(signal.SIGTERM)


def _started(process: subprocess.Popen[bytes], status: Path) -> dict[str, Any]:
    """What it says of itself once it serves."""
    for _ in range(_START_TENTHS):
        if status.exists():
            break
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    running: dict[str, Any] = json.loads(status.read_text())
    return running


async def _listen(pid: int, box: dict[str, Any]) -> dict[str, Any]:
    import aiohttp

    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(cafile=box["ca_file"])
    names = "/".join(f"{symbol}@{stream}" for symbol in _SYMBOLS for stream in _STREAMS)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls)) as session,
        session.ws_connect(f"{box['endpoint']}/stream?streams={names}") as socket,
    ):
        await _read_for(socket, _WARM_S)
        used_s, began_s = _processor_s(pid), loop.time()
        messages = await _read_for(socket, _RUN_S)
        lived_s = loop.time() - began_s
        used_s = _processor_s(pid) - used_s
    return {
        "symbols": len(_SYMBOLS),
        "speed": 60,
        "messages_per_s": messages / lived_s,
        "processor_share": used_s / lived_s,
    }


async def _read_for(socket: Any, seconds: float) -> int:
    """Messages that arrived."""
    loop = asyncio.get_running_loop()
    until, count = loop.time() + seconds, 0
    while (left_s := until - loop.time()) > 0:
        try:
            await socket.receive(timeout=left_s)
        except TimeoutError:
            break
        count += 1
    return count


def _processor_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
