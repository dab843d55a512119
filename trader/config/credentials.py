"""API keys: only from the environment or from files it names; never from the configuration, never shown."""

import os
from collections.abc import Mapping
from pathlib import Path

from trader.config.schema import Settings
from trader.domain.errors import Misconfigured

_REAL = "TRADER_API_"
_SANDBOX = "TRADER_SANDBOX_API_"
_PARTS = ("KEY", "SECRET", "PASSWORD")


class Credentials:
    """One account's keys. Its repr and str show nothing."""

    __slots__ = ("api_key", "password", "secret")

    def __init__(self, api_key: str, secret: str, password: str | None = None) -> None:
        self.api_key = api_key
        self.secret = secret
        self.password = password

    def __repr__(self) -> str:
        return "Credentials(***)"

    def secrets(self) -> tuple[str, ...]:
        """Every value that must never be written anywhere: for the log's redaction."""
        return tuple(value for value in (self.api_key, self.secret, self.password) if value)


def credentials(settings: Settings, environ: Mapping[str, str] = os.environ) -> Credentials | None:
    """The account's keys, or None when none are set.

    A real exchange reads TRADER_API_KEY, TRADER_API_SECRET and TRADER_API_PASSWORD; a loopback endpoint only the
    same names with TRADER_SANDBOX_API_, and refuses to start while real ones are set. `<NAME>_FILE` names a file
    that holds the value. Raises `Misconfigured`; no message ever holds a value.
    """
    if not settings.is_loopback:
        return _read(_REAL, environ)
    present = sorted(name for part in _PARTS for name in _spellings(_REAL + part) if environ.get(name))
    if present:
        raise Misconfigured(
            f"{', '.join(present)}: keys of a real exchange are set, but this configuration trades on a simulator on "
            f"this machine; unset them (its own keys go in {_SANDBOX}KEY and {_SANDBOX}SECRET)"
        )
    return _read(_SANDBOX, environ)


def require_credentials(settings: Settings, environ: Mapping[str, str] = os.environ) -> Credentials:
    """As `credentials`, but their absence is `Misconfigured`: for whoever must sign requests."""
    found = credentials(settings, environ)
    if found is None:
        prefix = _SANDBOX if settings.is_loopback else _REAL
        raise Misconfigured(
            f"no API key for {settings.exchange.id}: set {prefix}KEY and {prefix}SECRET in the environment "
            f"(or {prefix}KEY_FILE and {prefix}SECRET_FILE)"
        )
    return found


def _read(prefix: str, environ: Mapping[str, str]) -> Credentials | None:
    key, secret, password = (_value(prefix + part, environ) for part in _PARTS)
    if key is None and secret is None and password is None:
        return None
    if key is None or secret is None:
        missing = prefix + ("KEY" if key is None else "SECRET")
        raise Misconfigured(f"{missing} is not set but its counterpart is; an account needs both")
    if _is_rsa(secret):
        raise Misconfigured(
            f"{prefix}SECRET is an RSA private key; signing with it takes 120 ms a request. "
            "Allowed: an HMAC secret or an Ed25519 key"
        )
    return Credentials(key, secret, password)


def _value(name: str, environ: Mapping[str, str]) -> str | None:
    direct_name, file_name = _spellings(name)
    direct, file = environ.get(direct_name), environ.get(file_name)
    if direct and file:
        raise Misconfigured(f"{direct_name} and {file_name} are both set; keep one")
    if file:
        direct = _file_text(file_name, Path(file))
    return direct.strip() or None if direct else None


def _file_text(name: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
        raise Misconfigured(f"{name}: {path} cannot be read: {reason}") from None
    if not text.strip():
        raise Misconfigured(f"{name}: {path} is empty")
    return text


def _spellings(name: str) -> tuple[str, str]:
    return name, name + "_FILE"


def _is_rsa(secret: str) -> bool:
    """PEM of an RSA key: named so, or PKCS#8 far longer than an elliptic key's."""
    return "BEGIN RSA PRIVATE KEY" in secret or ("BEGIN PRIVATE KEY" in secret and len(secret) > 400)
