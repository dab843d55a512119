"""The block `exchange`: where is traded, what, and how its account is set."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from trader.config.section import Section


class ExchangeSettings(Section):
    id: str = "sandbox"
    """`sandbox` for the bundled local exchange, or any ccxt exchange id (binance, bybit, okx, kraken, ...)."""
    market: Literal["spot", "perpetual"] = "spot"
    """What is traded there: spot pairs or linear perpetuals."""
    symbols: Annotated[tuple[str, ...], Field(validate_default=True)] = (
        "BTC/USDT",
        "ETH/USDT",
        "BNB/USDT",
        "SOL/USDT",
        "XRP/USDT",
    )
    """Unified ccxt names; of perpetuals BTC/USDT:USDT, or BTC/USDT for short. The first one is the market leader for
    cross-asset features."""
    leverage: Annotated[int, Field(ge=1, le=50)] = 3
    """Perpetuals: position value / margin it ties up, set for every symbol at start."""
    margin_mode: Literal["cross", "isolated"] = "cross"
    """Perpetuals: whether positions share their margin (`cross`) or have their own, set for every symbol at start."""
    endpoint: str | None = None
    """https://127.0.0.1:PORT routes every host of the exchange to a local simulator; anything else is refused."""
    ca_file: Path | None = None
    """Certificate authority (PEM) of that simulator."""
    receive_window_ms: Annotated[int, Field(ge=500, le=60_000)] = 5_000
    """How late a signed request may reach the exchange, real milliseconds (the sandbox scales it with its speed)."""
    request_timeout_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    """Longest wait for one answer, real seconds."""
    keep_alive_s: Annotated[float, Field(ge=1, le=60)] = 10.0
    """Websocket ping interval, real seconds."""
    dead_man_s: Annotated[float, Field(ge=5, le=3_600)] | None = None
    """The exchange cancels resting entries and exits when it has not heard of the daemon for this long, real seconds
    (refreshed at a third of it); null: never. Protective stops stay. For live trading of Binance's perpetuals; live
    elsewhere it is refused (docs/decisions/0021), and on paper nothing is there to cancel."""
    dead_man_off_at_stop: bool = True
    """Whether a clean stop switches that off; else the exchange cancels, so much later, what still rests."""
    allow_withdrawal_keys: bool = False
    """API keys that can withdraw are refused unless this is set."""

    @field_validator("symbols")
    @classmethod
    def _names_of_perpetuals(cls, symbols: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Linear perpetuals may be named like their spot pairs: which one is meant is said by `market`."""
        if info.data.get("market") != "perpetual":
            return symbols
        return tuple(_perpetual_name(symbol) for symbol in symbols)

    def named(self, symbol: str) -> str:
        """The full name of a symbol that may be given short."""
        return _perpetual_name(symbol) if self.market == "perpetual" else symbol

    @property
    def title(self) -> str:
        """The exchange and its market as a person is told them: "binance spot"."""
        return f"{self.id} {self.market}"

    @model_validator(mode="after")
    def _loopback_only(self) -> "ExchangeSettings":
        if self.endpoint is not None:
            require_loopback(self.endpoint)
        if not self.symbols:
            raise ValueError("symbols is empty; name at least one, for example BTC/USDT")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols has repetitions: {', '.join(self.symbols)}")
        return self


def _perpetual_name(symbol: str) -> str:
    if ":" in symbol or "/" not in symbol:
        return symbol
    return f"{symbol}:{symbol.partition('/')[2]}"


def require_loopback(endpoint: str) -> tuple[str, int]:
    """Host and port of a `https://127.0.0.1:PORT` endpoint; raises ValueError for anything not on this machine."""
    from urllib.parse import urlsplit

    parts = urlsplit(endpoint)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme != "https" or parts.hostname not in ("127.0.0.1", "localhost", "::1") or not port:
        raise ValueError(f"endpoint {endpoint!r} must be https://127.0.0.1:PORT (a simulator on this machine)")
    return parts.hostname, port
