"""Binance's refusals: a code, a message, a status."""

from typing import NoReturn

from trader.domain.errors import Rejected
from trader.domain.refusals import RefusalCode


class BinanceError(Exception):
    """Answered as {"code": code, "msg": message} with HTTP `status`, plus `extra` where Binance adds something."""

    def __init__(self, code: int, message: str, *, status: int = 400, extra: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra or {}

    def body(self) -> dict[str, object]:
        return {"code": self.code, "msg": self.message, **self.extra}


def missing(name: str) -> BinanceError:
    return BinanceError(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def illegal(name: str, legal: str) -> BinanceError:
    return BinanceError(-1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'.")


def unknown_symbol() -> BinanceError:
    return BinanceError(-1121, "Invalid symbol.")


_BY_CODE = {
    RefusalCode.INSUFFICIENT_FUNDS: (-2010, "Account has insufficient balance for requested action."),
    RefusalCode.DUPLICATE_CLIENT_ID: (-2010, "Duplicate order sent."),
    RefusalCode.WOULD_MATCH: (-2010, "Order would immediately match and take."),
    RefusalCode.WOULD_TRIGGER: (-2010, "Stop price would trigger immediately."),
    RefusalCode.NO_LIQUIDITY: (-2010, "Market is closed."),
    RefusalCode.LOT_SIZE: (-1013, "Filter failure: LOT_SIZE"),
    RefusalCode.PRICE_FILTER: (-1013, "Filter failure: PRICE_FILTER"),
    RefusalCode.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
    RefusalCode.UNKNOWN_ORDER: (-2011, "Unknown order sent."),
    RefusalCode.UNKNOWN_SYMBOL: (-1121, "Invalid symbol."),
}


def as_binance(refusal: Rejected) -> BinanceError:
    """The words Binance has for a refusal of the simulated exchange."""
    code, message = _BY_CODE.get(refusal.code, (-1013, f"Invalid order: {refusal}"))
    return BinanceError(code, message)


def refuse(refusal: Rejected) -> NoReturn:
    raise as_binance(refusal) from refusal
