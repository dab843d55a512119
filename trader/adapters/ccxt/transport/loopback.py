"""Sessions. With a loopback endpoint every host of an exchange leads to one port of this machine, and nowhere else.

The code above then looks exactly like production: same URLs, TLS, signatures, error tables. So the last step before
a socket exists refuses every peer that is not this machine, whatever name, address literal or proxy led there.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import certifi
from aiohttp.abc import AbstractResolver, ResolveResult

from trader.config.exchange import require_loopback
from trader.domain.errors import Misconfigured

_AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[Any, ...]]


class PeerRefused(ConnectionRefusedError):
    """A connection that would have left this machine. Nothing was sent."""


class LoopbackResolver(AbstractResolver):
    """Resolves every host name to one loopback address and port, without asking any name server."""

    def __init__(self, host: str, port: int) -> None:
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port

    async def resolve(
        self,
        host: str,
        port: int = 0,  # noqa: ARG002 - the signature is aiohttp's
        family: socket.AddressFamily = socket.AF_INET,
    ) -> list[ResolveResult]:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        return [
            ResolveResult(
                hostname=host, host=self._host, port=self._port, family=family, proto=0, flags=socket.AI_NUMERICHOST
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""


def loopback_socket(address: _AddressInfo) -> socket.socket:
    """The socket for one connection attempt; raises `PeerRefused` unless the peer is this machine.

    aiohttp asks for every TCP connection here, also for addresses it never resolved.
    """
    family, kind, protocol, _, peer = address
    if not ipaddress.ip_address(str(peer[0]).partition("%")[0]).is_loopback:
        raise PeerRefused(f"refused to connect to {peer[0]}:{peer[1]}: only a simulator on this machine is allowed")
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setblocking(False)
    return made


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Verifies peers against `ca_file`, or against the usual authorities."""
    try:
        return ssl.create_default_context(cafile=str(ca_file) if ca_file else certifi.where())
    except (OSError, ssl.SSLError) as error:
        raise Misconfigured(f"exchange.ca_file {str(ca_file)!r} is not a readable PEM file: {error}") from None


def open_session(
    *, loopback: tuple[str, int] | None, ca_file: Path | None, traces: list[aiohttp.TraceConfig]
) -> aiohttp.ClientSession:
    """A session of our own; the caller closes it. `loopback` (host, port) fences it in on this machine."""
    fence: dict[str, Any] = {}
    if loopback is not None:
        factory: Callable[[_AddressInfo], socket.socket] = loopback_socket
        fence = {"resolver": LoopbackResolver(*loopback), "socket_factory": factory, "use_dns_cache": False}
    connector = aiohttp.TCPConnector(ssl=tls_context(ca_file), limit=0, keepalive_timeout=60, **fence)
    return aiohttp.ClientSession(connector=connector, trace_configs=traces, trust_env=False)


async def simulator_clock(endpoint: str, ca_file: Path | None) -> tuple[float, float, float] | None:
    """(real epoch ms, market epoch ms, speed) of a simulator that keeps a clock of its own, or None.

    The bundled sandbox tells them at `/sandbox/clock`; a simulator that does not know the path runs in real time.
    """
    loopback = require_loopback(endpoint)
    async with (
        open_session(loopback=loopback, ca_file=ca_file, traces=[]) as session,
        session.get(f"{endpoint}/sandbox/clock", timeout=aiohttp.ClientTimeout(total=5)) as response,
    ):
        if response.status != 200:
            return None
        try:
            told = await response.json(content_type=None)
            return float(told["real_epoch_ms"]), float(told["market_epoch_ms"]), float(told["speed"])
        except (ValueError, KeyError, TypeError):
            return None
