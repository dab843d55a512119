"""What became of one request: whether it left, what came back. ccxt's own exceptions do not tell."""

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

import aiohttp
import msgspec

_CODE_KEYS = ("code", "retCode", "sCode", "error_code")


class Flight:
    """One request under way. A call that makes several requests keeps what is known of the last one."""

    __slots__ = ("answer_s", "body", "deadline", "is_sent", "is_unreadable", "retry_after_s", "status")

    def __init__(self, deadline: asyncio.Timeout | None = None, answer_s: float = 0.0) -> None:
        self.deadline = deadline  # rescheduled to `answer_s` once the request is out of the limiter's queue
        self.answer_s = answer_s
        self.is_sent = False
        self.is_unreadable = False  # some answer of success was no JSON; ccxt makes empty lists of those
        self.status: int | None = None
        self.body: str | None = None
        self.retry_after_s: float | None = None

    def answered(self, status: int, headers: Mapping[str, str], body: str | None) -> None:
        """Note an answer as it came over the wire."""
        self.status = status
        self.body = body
        asked = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
        try:
            self.retry_after_s = max(0.0, float(asked))
        except ValueError:
            self.retry_after_s = None

    def answer(self) -> Any:
        """The decoded JSON of the answer; None when there is none."""
        try:
            return msgspec.json.decode(self.body or "")
        except msgspec.DecodeError:
            return None

    def error_code(self) -> str:
        """The exchange's own error code in the answer, or empty."""
        answer = self.answer()
        if not isinstance(answer, dict):
            return ""
        return next((str(answer[key]) for key in _CODE_KEYS if key in answer), "")


CURRENT: ContextVar[Flight | None] = ContextVar("ccxt_flight", default=None)


async def _started(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
    flight = CURRENT.get()
    if flight is not None and flight.deadline is not None:
        flight.deadline.reschedule(asyncio.get_running_loop().time() + flight.answer_s)


async def _left(_session: aiohttp.ClientSession, _context: SimpleNamespace, _params: Any) -> None:
    flight = CURRENT.get()
    if flight is not None:
        flight.is_sent = True


def trace() -> aiohttp.TraceConfig:
    """Marks the current flight when its request starts and when its first byte is about to leave."""
    config = aiohttp.TraceConfig()
    config.on_request_start.append(_started)
    config.on_request_headers_sent.append(_left)
    return config
