"""The whole configuration as one frozen tree: one block per file of this room. `config.yaml` shows it in this order."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_serializer, field_validator, model_validator

from trader.config.exchange import ExchangeSettings
from trader.config.execution import ExecutionSettings
from trader.config.locks import LocksSettings
from trader.config.log import LogSettings
from trader.config.market import MarketSettings
from trader.config.model import ModelSettings
from trader.config.paper import PaperSettings
from trader.config.recorder import RecorderSettings
from trader.config.risk import RiskSettings
from trader.config.sandbox import SandboxSettings
from trader.config.section import Section
from trader.config.sizing import SizingSettings
from trader.config.storage import StorageSettings
from trader.config.strategy import StrategySettings
from trader.config.symbols import SymbolSettings, overridden


class Settings(Section):
    """The whole configuration."""

    mode: Literal["paper", "live"] = "paper"
    """`paper`: orders are simulated here against the real feed. `live`: orders go to the exchange."""
    exchange: ExchangeSettings = ExchangeSettings()
    sandbox: SandboxSettings = SandboxSettings()
    paper: PaperSettings = PaperSettings()
    market: MarketSettings = MarketSettings()
    model: ModelSettings = ModelSettings()
    strategy: StrategySettings = StrategySettings()
    sizing: SizingSettings = SizingSettings()
    execution: ExecutionSettings = ExecutionSettings()
    risk: RiskSettings = RiskSettings()
    locks: LocksSettings = LocksSettings()
    recorder: RecorderSettings = RecorderSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()
    symbols: dict[str, SymbolSettings] = Field(default_factory=dict)
    """What differs for one symbol: `symbols: {SOL/USDT: {sizing: {cap_frac: 0.02}, strategy: {name: ema-cross}}}`. Any
    key of `strategy`, `sizing`, `execution` and `risk` that does not concern the account as a whole."""

    @property
    def account_dir(self) -> Path:
        """Where this account's ledger and sockets live; another mode or exchange is another account."""
        return self.storage.state_dir / f"{self.mode}-{self.exchange.id}-{self.exchange.market}"

    @property
    def is_loopback(self) -> bool:
        """Whether orders can only ever reach a simulator on this machine."""
        return self.exchange.id == "sandbox" or self.exchange.endpoint is not None

    @property
    def is_real_money(self) -> bool:
        """Whether a loss is one."""
        return self.mode == "live" and not self.is_loopback

    def for_symbol(self, symbol: str) -> "Settings":
        """These settings as they are for `symbol`."""
        own = self.symbols.get(symbol)
        if own is None:
            return self
        blocks = {name: overridden(getattr(self, name), given) for name, given in own.given().items()}
        return self.model_copy(update=blocks)

    @field_serializer("symbols")
    def _only_what_is_given(self, symbols: dict[str, SymbolSettings]) -> dict[str, dict[str, dict[str, Any]]]:
        return {symbol: own.given() for symbol, own in symbols.items()}

    @field_validator("symbols")
    @classmethod
    def _traded(cls, symbols: dict[str, SymbolSettings], info: ValidationInfo) -> dict[str, SymbolSettings]:
        """Perpetuals may be named like their spot pairs here too."""
        exchange = info.data.get("exchange")
        if exchange is None:
            return symbols  # wrong itself, and told so
        named = {exchange.named(symbol): own for symbol, own in symbols.items()}
        unknown = [symbol for symbol in named if symbol not in exchange.symbols]
        if unknown:
            raise ValueError(f"given {', '.join(unknown)}; allowed: {', '.join(exchange.symbols)}")
        return named

    @model_validator(mode="after")
    def _each_symbol_fits(self) -> "Settings":
        for symbol, own in self.symbols.items():
            for name, given in own.given().items():
                try:
                    overridden(getattr(self, name), given)
                except ValidationError as error:
                    first = error.errors(include_url=False)[0]
                    why = first.get("ctx", {}).get("error", first["msg"])
                    raise ValueError(f"symbols.{symbol}.{name}: {why}") from None
        return self

    @field_validator("risk")
    @classmethod
    def _hedged_in_what_is_listed(cls, risk: RiskSettings, info: ValidationInfo) -> RiskSettings:
        """Its market needs data and reconciliation as any other. A perpetual may be named like its spot pair."""
        exchange = info.data.get("exchange")
        if exchange is None or risk.hedge_symbol is None:
            return risk
        named = exchange.named(risk.hedge_symbol)
        if named not in exchange.symbols:
            raise ValueError(f"hedge_symbol: given {named}; allowed: {', '.join(exchange.symbols)}")
        return risk.model_copy(update={"hedge_symbol": named})

    @model_validator(mode="after")
    def _real_money_needs_the_gate(self) -> "Settings":
        if self.is_real_money and self.model.gate == "warn":
            raise ValueError("model.gate: warn is allowed only in paper or with a loopback endpoint; set enforce")
        return self
