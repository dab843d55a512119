"""With a loopback endpoint nothing leaves this machine, whatever name or address is asked for."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web

from trader.adapters.ccxt.transport.loopback import PeerRefused, loopback_socket, open_session, tls_context
from trader.domain.errors import Misconfigured

OUTSIDE = ("https://93.184.216.34/", "https://[2606:2800:220:1::1]/", "https://10.0.0.1/", "https://0.0.0.1/")


@asynccontextmanager
async def here(directory: Path) -> AsyncIterator[tuple[int, Path]]:
    """A TLS server on this machine that tells the host it was asked for: (port, certificate authority)."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.binance.com", "stream.bybit.com", "127.0.0.1").configure_cert(context)
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade"):
            opened = web.WebSocketResponse()
            await opened.prepare(request)
            await opened.send_str(request.host)
            await opened.close()
            return opened
        return web.Response(text=request.host)

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1], ca_file
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_every_host_leads_here_over_rest_and_websocket(tmp_path: Path, host: str) -> None:
    async with here(tmp_path) as (port, ca_file):
        session = open_session(loopback=(host, port), ca_file=ca_file, traces=[])
        async with session:
            async with session.get("https://api.binance.com/") as response:
                assert await response.text() == "api.binance.com"
            async with session.ws_connect("wss://stream.bybit.com:9443/") as opened:
                assert (await opened.receive()).data == "stream.bybit.com:9443"


@pytest.mark.parametrize("url", OUTSIDE)
async def test_address_literals_are_refused_although_they_skip_the_resolver(tmp_path: Path, url: str) -> None:
    async with (
        here(tmp_path) as (port, ca_file),
        open_session(loopback=("127.0.0.1", port), ca_file=ca_file, traces=[]) as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorError) as refused:
            await session.get(url)
        assert isinstance(refused.value.os_error, PeerRefused)
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.ws_connect(url.replace("https", "wss"))


async def test_a_proxy_in_the_environment_leads_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://93.184.216.34:3128")
    async with (
        here(tmp_path) as (port, ca_file),
        open_session(loopback=("127.0.0.1", port), ca_file=ca_file, traces=[]) as session,
    ):
        async with session.get("https://api.binance.com/") as response:
            assert response.status == 200
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get("https://api.binance.com/", proxy="http://93.184.216.34:3128")


def test_the_last_step_before_a_socket_knows_this_machine_from_the_rest() -> None:
    for family, peer in ((socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET6, ("::1", 1, 0, 0))):
        loopback_socket((family, socket.SOCK_STREAM, 0, "", peer)).close()
    for outside in (("8.8.8.8", 443), ("192.168.1.1", 443), ("0.0.0.0", 443), ("fe80::1%eth0", 443, 0, 2)):
        with pytest.raises(PeerRefused):
            loopback_socket((socket.AF_INET, socket.SOCK_STREAM, 0, "", outside))


async def test_a_peer_with_another_certificate_is_not_trusted(tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    async with (
        here(tmp_path) as (port, _),
        open_session(loopback=("127.0.0.1", port), ca_file=other, traces=[]) as session,
    ):
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.get("https://api.binance.com/")


def test_an_unreadable_authority_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"exchange\.ca_file .*missing\.pem"):
        tls_context(tmp_path / "missing.pem")
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(Misconfigured, match=r"broken\.pem"):
        tls_context(broken)


async def test_without_a_loopback_endpoint_names_are_resolved_as_usual() -> None:
    session = open_session(loopback=None, ca_file=None, traces=[])
    try:
        connector = session.connector
        assert isinstance(connector, aiohttp.TCPConnector)
        assert connector._socket_factory is None  # noqa: SLF001 - aiohttp shows it nowhere else
    finally:
        await session.close()
        await asyncio.sleep(0)
