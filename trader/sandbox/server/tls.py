"""Certificates of the local sandbox: a CA made once per directory, valid for every host of the exchange."""

import ssl
from pathlib import Path

import msgspec

from trader.domain.errors import Misconfigured

HOSTS = ("127.0.0.1", "localhost", "::1", "binance.com", "*.binance.com", "*.binance.vision")


class Certificates(msgspec.Struct, frozen=True):
    """`ca_file` is what clients trust; `server_file` (key and certificate) is read only by the server."""

    ca_file: Path
    server_file: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.server_file)
        except ssl.SSLError as error:
            where = f"{self.server_file}: is damaged ({error.reason or error})"
            raise Misconfigured(f"{where}; delete it and new certificates are made") from None
        return context


def certificates_in(directory: Path) -> Certificates:
    """The directory's certificates, made on first use. The CA's own key is thrown away: it signs nothing else."""
    found = Certificates(directory / "ca.pem", directory / "server.pem")
    if not (found.ca_file.exists() and found.server_file.exists()):
        import trustme

        authority = trustme.CA(organization_name="trader sandbox")
        issued = authority.issue_cert(*HOSTS)
        found.server_file.touch(mode=0o600)
        found.server_file.write_bytes(issued.private_key_and_cert_chain_pem.bytes())
        authority.cert_pem.write_to_path(str(found.ca_file))
    return found
