"""What the running daemon answers on its control socket: the read commands, and those that act."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from trader.config.exchange import ExchangeSettings
from trader.domain.errors import Rejected
from trader.domain.events import CommandName
from trader.domain.overrides import OverrideAsked
from trader.service.control.reports import READS, Reports

Act = Callable[[CommandName, str, OverrideAsked | None], Awaitable[str]]
"""(command, who asked, what for one symbol) -> what it did, once the engine has processed it."""

ACTS = tuple(name for name in CommandName if name is not CommandName.STOP)  # that one is the service manager's
_LIVE = ("status", "positions")  # from the engine's state, which only the loop's thread may read


class DaemonCommands:
    """The handler of `ControlServer`."""

    def __init__(self, reports: Reports, act: Act, exchange: ExchangeSettings) -> None:
        self._reports = reports
        self._act = act
        self._exchange = exchange

    async def handle(self, command: str, arguments: dict[str, Any], origin: str) -> dict[str, Any]:
        """Answer one command. Raises `Rejected` for one that does not exist."""
        if command in _LIVE:
            return self._reports.answer(command, arguments)
        if command in READS:
            return await asyncio.to_thread(self._reports.answer, command, arguments)
        if command in ACTS:
            name = CommandName(command)
            asked = self._override(arguments) if name is CommandName.OVERRIDE else None
            return {"message": await self._act(name, origin, asked)}
        raise Rejected(f"unknown command {command!r}; allowed: {', '.join((*READS, *ACTS))}")

    def _override(self, arguments: dict[str, Any]) -> OverrideAsked:
        """What is asked for one symbol; a perpetual may be named like its spot pair."""
        try:
            asked = msgspec.convert(arguments, OverrideAsked)
        except msgspec.ValidationError as error:
            raise Rejected(f"override: {error}") from None
        symbol = self._exchange.named(asked.symbol)
        if symbol not in self._exchange.symbols:
            raise Rejected(f"override: symbol {asked.symbol}; allowed: {', '.join(self._exchange.symbols)}")
        return msgspec.structs.replace(asked, symbol=symbol)
