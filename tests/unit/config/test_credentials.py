"""Keys come only from the environment or files, real and simulator keys never meet, and nothing shows them."""

from pathlib import Path

import pytest

from trader.config.credentials import credentials, require_credentials
from trader.config.load import load
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured

SANDBOX = Settings()
REAL = load(None, {"exchange": {"id": "binance"}}, {})
LOOPBACK = load(None, {"exchange": {"id": "binance", "endpoint": "https://127.0.0.1:8443"}}, {})
KEYS = {"TRADER_API_KEY": "k3y-value", "TRADER_API_SECRET": "s3cret-value"}


def test_real_keys_for_a_real_exchange(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret-value\n")
    found = credentials(REAL, {"TRADER_API_KEY": "k3y-value", "TRADER_API_SECRET_FILE": str(file)})
    assert found is not None
    assert (found.api_key, found.secret, found.password) == ("k3y-value", "s3cret-value", None)
    assert found.secrets() == ("k3y-value", "s3cret-value")


def test_nothing_shows_a_key() -> None:
    found = credentials(REAL, KEYS)
    for text in (repr(found), str(found), f"{found}", repr([found])):
        assert "value" not in text


@pytest.mark.parametrize("settings", [SANDBOX, LOOPBACK])
def test_a_simulator_refuses_to_start_while_real_keys_are_set(settings: Settings) -> None:
    for name in ("TRADER_API_KEY", "TRADER_API_SECRET", "TRADER_API_PASSWORD", "TRADER_API_KEY_FILE"):
        with pytest.raises(Misconfigured, match=name) as error:
            credentials(settings, {name: "v4lue"})
        assert "v4lue" not in str(error.value)


def test_a_simulator_reads_only_its_own_keys() -> None:
    own = {"TRADER_SANDBOX_API_KEY": "a", "TRADER_SANDBOX_API_SECRET": "b"}
    found = credentials(LOOPBACK, own)
    assert found is not None
    assert found.api_key == "a"
    assert credentials(SANDBOX, {}) is None
    assert credentials(REAL, own) is None


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"TRADER_API_KEY": "k3y"}, "TRADER_API_SECRET is not set but its counterpart is"),
        ({"TRADER_API_PASSWORD": "k3y"}, "TRADER_API_KEY is not set"),
        ({**KEYS, "TRADER_API_KEY_FILE": "/x"}, "TRADER_API_KEY and TRADER_API_KEY_FILE are both set"),
        ({**KEYS, "TRADER_API_KEY": "", "TRADER_API_KEY_FILE": "/no/where"}, "/no/where cannot be read: No such file"),
        (
            {"TRADER_API_KEY": "k", "TRADER_API_SECRET": "-----BEGIN RSA PRIVATE KEY-----\nk3y"},
            "TRADER_API_SECRET is an RSA private key",
        ),
        (
            {"TRADER_API_KEY": "k", "TRADER_API_SECRET": "-----BEGIN PRIVATE KEY-----\n" + "k3y" * 400},
            "Allowed: an HMAC secret or an Ed25519 key",
        ),
    ],
)
def test_wrong_keys_are_refused_without_showing_them(environ: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured, match=words) as error:
        credentials(REAL, environ)
    assert "k3y" not in str(error.value)


def test_an_ed25519_key_is_taken() -> None:
    pem = "-----BEGIN PRIVATE KEY-----\n" + "A" * 64 + "\n-----END PRIVATE KEY-----"
    found = credentials(REAL, {"TRADER_API_KEY": "k", "TRADER_API_SECRET": pem})
    assert found is not None
    assert found.secret == pem


def test_missing_keys_name_the_variables_to_set() -> None:
    with pytest.raises(Misconfigured, match="no API key for binance: set TRADER_API_KEY and TRADER_API_SECRET"):
        require_credentials(REAL, {})
    with pytest.raises(Misconfigured, match="set TRADER_SANDBOX_API_KEY"):
        require_credentials(LOOPBACK, {})
