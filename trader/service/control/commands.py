"""What the running daemon answers on its control socket: the read commands, and those that act."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from trader.domain.errors import Rejected
from trader.domain.events import CommandName
from trader.service.control.reports import READS, Reports

Act = Callable[[CommandName, str], Awaitable[str]]
"""(command, who asked) -> what it did, once the engine has processed it."""

ACTS = tuple(name for name in CommandName if name is not CommandName.STOP)  # that one is the service manager's
_LIVE = ("status", "positions")  # from the engine's state, which only the loop's thread may read


class DaemonCommands:
    """The handler of `ControlServer`."""

    def __init__(self, reports: Reports, act: Act) -> None:
        self._reports = reports
        self._act = act

    async def handle(self, command: str, arguments: dict[str, Any], origin: str) -> dict[str, Any]:
        """Answer one command. Raises `Rejected` for one that does not exist."""
        if command in _LIVE:
            return self._reports.answer(command, arguments)
        if command in READS:
            return await asyncio.to_thread(self._reports.answer, command, arguments)
        if command in ACTS:
            return {"message": await self._act(CommandName(command), origin)}
        raise Rejected(f"unknown command {command!r}; allowed: {', '.join((*READS, *ACTS))}")
