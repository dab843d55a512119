"""The whole configuration as one frozen tree: one block per file of this room. `config.yaml` shows it in this order."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from trader.config.exchange import ExchangeSettings
from trader.config.execution import ExecutionSettings
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
    recorder: RecorderSettings = RecorderSettings()
    storage: StorageSettings = StorageSettings()
    log: LogSettings = LogSettings()

    @property
    def account_dir(self) -> Path:
        """Where this account's ledger and sockets live; another mode or exchange is another account."""
        return self.storage.state_dir / f"{self.mode}-{self.exchange.id}-{self.exchange.market}"

    @property
    def is_loopback(self) -> bool:
        """Whether orders can only ever reach a simulator on this machine."""
        return self.exchange.id == "sandbox" or self.exchange.endpoint is not None

    @model_validator(mode="after")
    def _real_money_needs_the_gate(self) -> "Settings":
        if self.mode == "live" and not self.is_loopback and self.model.gate == "warn":
            raise ValueError("model.gate: warn is allowed only in paper or with a loopback endpoint; set enforce")
        return self
