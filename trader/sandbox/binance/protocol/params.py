"""Request parameters: strings on the wire, typed here, refused as Binance refuses them."""

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from trader.sandbox.binance.protocol.errors import BinanceError, illegal, missing
from trader.simulation.records.memory import Window

_DECIMAL = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_CLIENT_ID = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"
_INTEGER = r"^[0-9]{1,20}$"


class Params:
    """The parameters of one request; values as they arrived."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def require_known(self, names: frozenset[str]) -> None:
        """Raise `BinanceError` for a parameter that nobody reads."""
        known = len(self.values.keys() & names)
        if known < len(self.values):
            sent = len(self.values)
            raise BinanceError(
                -1104, f"Not all sent parameters were read; read '{known}' parameter(s) but was sent '{sent}'."
            )

    def text(self, name: str) -> str:
        """Mandatory."""
        value = self.values.get(name, "")
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        return self.values.get(name) or None

    def choice(self, name: str, allowed: Mapping[str, object] | frozenset[str], refusal: BinanceError) -> str:
        """Mandatory, one of `allowed`."""
        value = self.text(name)
        if value not in allowed:
            raise refusal
        return value

    def integer(self, name: str) -> int | None:
        value = self.optional(name)
        if value is None:
            return None
        if not re.match(_INTEGER, value):
            raise illegal(name, _INTEGER)
        return int(value)

    def limit(self, default: int, most: int) -> int:
        """`limit`, capped as Binance caps it."""
        value = self.integer("limit")
        return default if value is None else max(1, min(value, most))

    def window(self, id_name: str = "", default: int = 500) -> Window:
        """What of a history is asked for; `id_name` is the parameter that names the first one wanted."""
        return Window(
            since_ms=self.integer("startTime"),
            until_ms=self.integer("endTime"),
            from_id=self.integer(id_name) if id_name else None,
            limit=self.limit(default, 1_000),
        )

    def decimal(self, name: str) -> Decimal | None:
        """An amount with at most eight decimals."""
        value = self.optional(name)
        if value is None:
            return None
        if not re.match(_DECIMAL, value):
            raise illegal(name, _DECIMAL)
        try:
            number = Decimal(value).normalize()
        except InvalidOperation as error:
            raise illegal(name, _DECIMAL) from error
        exponent = number.as_tuple().exponent
        if isinstance(exponent, int) and exponent < -8:
            raise BinanceError(-1111, f"Parameter '{name}' has too much precision.")
        return number

    def client_id(self, name: str) -> str | None:
        value = self.optional(name)
        if value is not None and not re.match(_CLIENT_ID, value):
            raise illegal(name, _CLIENT_ID)
        return value
