"""What a margined account must be set to before it trades: one-way positions, margin mode, leverage.

And what only such an account tells: wallets, positions, money that moved without a fill.
"""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import structlog

from trader.adapters.ccxt.account.translate import BrokenAnswer, decimal_of, decimal_or_none
from trader.adapters.ccxt.exchanges import Wallets
from trader.adapters.ccxt.transport import errors
from trader.adapters.ccxt.transport.client import Client
from trader.config.exchange import ExchangeSettings
from trader.domain.account import Balance, Position
from trader.domain.errors import Misconfigured, OutcomeUnknown, Rejected, Unavailable
from trader.domain.instrument import ZERO
from trader.domain.refusals import RefusalCode

log = structlog.get_logger("ccxt.margin")

_AT_ONCE = 5  # symbols


async def set_up(client: Client, settings: ExchangeSettings) -> None:
    """One net position per symbol, the margin mode, the leverage. Raises `Misconfigured` where that is refused."""
    await _set(client, "setPositionMode", "set_position_mode", False)
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(symbol: str) -> None:
        async with gate:
            if client.facts.margin_mode_key:
                how = {client.facts.margin_mode_key: settings.margin_mode}
                await _set(client, "setLeverage", "set_leverage", settings.leverage, symbol, how)
                return
            await _set(client, "setMarginMode", "set_margin_mode", settings.margin_mode, symbol)
            await _set(client, "setLeverage", "set_leverage", settings.leverage, symbol)

    await asyncio.gather(*(one(symbol) for symbol in settings.symbols))
    log.info("margin.set", leverage=settings.leverage, mode=settings.margin_mode, symbols=len(settings.symbols))


async def _set(client: Client, ability: str, method: str, *args: Any) -> None:
    """One setting. That it was set like that already is no failure."""
    if not client.raw.has.get(ability):
        log.warning("margin.not_settable", setting=method)
        return
    try:
        await client.send(method, *args, failure=errors.of_setting)
    except Rejected as error:
        if error.code is not RefusalCode.UNCHANGED:
            what = ", ".join(str(arg) for arg in args)
            raise Misconfigured(
                f"{client.raw.id} refused {method}({what}): {error}; allowed are exchange.leverage and "
                "exchange.margin_mode that the account may have while its positions and orders are as they are"
            ) from None
    except OutcomeUnknown as error:
        raise Unavailable(f"{method}: {error}") from None


def wallets_of(answer: Any, wallets: Wallets) -> list[Balance]:
    """The wallet of each asset that a raw answer about balances names."""
    rows = answer.get("info") if isinstance(answer, Mapping) else None
    for step in wallets.path:
        try:
            rows = rows[step]  # type: ignore[index]  # whatever it is, it is checked here
        except (LookupError, TypeError):
            raise BrokenAnswer(f"balances without wallets: {repr(answer)[:200]}") from None
    if not isinstance(rows, Sequence):
        raise BrokenAnswer(f"wallets are {repr(rows)[:200]}")
    return [
        Balance(str(row[wallets.asset_key]), decimal_of(row.get(wallets.amount_key), f"wallet {row!r}"[:100]))
        for row in rows
    ]


def positions_of(rows: Any, symbols: Sequence[str]) -> list[Position]:
    """ccxt's positions in `symbols` that are not flat."""
    if not isinstance(rows, list):
        raise BrokenAnswer(f"positions are {repr(rows)[:200]}")
    found = [_position(row) for row in rows if isinstance(row, Mapping) and row.get("symbol") in symbols]
    return [position for position in found if position.quantity]


def _position(row: Mapping[str, Any]) -> Position:
    symbol = str(row["symbol"])
    size = decimal_or_none(row.get("contractSize")) or Decimal(1)
    quantity = decimal_of(row.get("contracts"), f"position in {symbol}") * size
    side = row.get("side")
    if quantity and side not in ("long", "short"):
        raise BrokenAnswer(f"a position in {symbol} on side {side!r}")
    entry = decimal_or_none(row.get("entryPrice")) or ZERO
    return Position(symbol, -quantity if side == "short" else quantity, entry, int(row.get("timestamp") or 0))
