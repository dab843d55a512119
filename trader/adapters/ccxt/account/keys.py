"""API keys are checked over REST before anything else uses them: ccxt's streams hang for ever on a wrong one."""

from typing import Any

import structlog

from trader.adapters.ccxt.exchanges import Permission
from trader.adapters.ccxt.transport.client import Client
from trader.config.credentials import Credentials
from trader.domain.errors import Misconfigured, Rejected

log = structlog.get_logger("ccxt.keys")

LONGEST_ELLIPTIC_PEM = 400  # characters; RSA keys are longer


def refuse_rsa(credentials: Credentials) -> None:
    """RSA signatures block the event loop for 120 ms a request."""
    secret = credentials.secret
    if "RSA PRIVATE KEY" in secret or ("PRIVATE KEY" in secret and len(secret) > LONGEST_ELLIPTIC_PEM):
        raise Misconfigured("the API secret is an RSA key; allowed are an HMAC secret or an Ed25519 key")


async def check_keys(client: Client, *, allow_withdrawal: bool) -> None:
    """Raises `Misconfigured` for keys that do not work or can do too much, `Unavailable` when that cannot be told."""
    missing = [name for name, needed in client.raw.requiredCredentials.items() if needed and not _has(client, name)]
    if missing:
        raise Misconfigured(f"{client.raw.id} also needs {', '.join(missing)} (TRADER_API_PASSWORD for a password)")
    await client.read("fetch_balance")
    permission = client.facts.permission
    if allow_withdrawal or permission is None:
        return
    try:
        rights = may_withdraw(await client.read(permission.method), permission)
    except Rejected as error:
        log.info("keys.permissions_unknown", error=str(error))
        rights = None
    if rights is None and not client.is_loopback:
        raise Misconfigured(
            f"{client.raw.id} does not tell whether the API key may withdraw; "
            "set exchange.allow_withdrawal_keys: true to accept that"
        )
    if rights:
        raise Misconfigured(
            f"the {client.raw.id} API key may withdraw; use one without that right, "
            "or set exchange.allow_withdrawal_keys: true"
        )


def may_withdraw(answer: Any, permission: Permission) -> bool | None:
    """Whether the exchange's answer grants withdrawals; None when it does not say."""
    for step in permission.path:
        try:
            answer = answer[step]
        except (LookupError, TypeError):
            return None
    if permission.word:
        return permission.word in answer if isinstance(answer, str | list) else None
    word = str(answer).lower()
    return word == "true" if word in ("true", "false") else None


def _has(client: Client, name: str) -> bool:
    return bool(getattr(client.raw, name, None))
