"""The block `symbols`: knobs of `strategy`, `sizing`, `execution` and `risk` that differ for one symbol."""

from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic import create_model

from trader.config.execution import ExecutionSettings
from trader.config.risk import RiskSettings
from trader.config.section import Section
from trader.config.sizing import SizingSettings
from trader.config.strategy import StrategySettings

OF_THE_ACCOUNT = {
    "sizing": frozenset({"portfolio_risk_frac", "exposure_limit_frac", "max_positions", "expected_positions"}),
    "risk": frozenset(
        {
            "correlation_limit",
            "correlated_exposure_frac",
            "correlation_candles",
            "hedge",
            "hedge_beta_above",
            "hedge_beta_below",
            "hedge_frac",
            "hedge_symbol",
            "portfolio_vol_target",
            "portfolio_vol_shocked",
            "portfolio_vol_stacked",
            "max_orders_per_minute",
            "daily_loss_frac",
            "drawdown_frac",
            "consecutive_losses",
            "max_clock_offset_ms",
            "max_errors_per_minute",
            "startup_policy",
        }
    ),
}
"""Knobs that hold all symbols together: they cannot differ for one."""


def _part(name: str, section: type[Section]) -> Any:
    """A block with those knobs of `section` that may differ; which of them were given says `model_fields_set`."""
    shared = OF_THE_ACCOUNT.get(name, frozenset())
    fields: dict[str, Any] = {
        key: (field.annotation, field) for key, field in section.model_fields.items() if key not in shared
    }
    return create_model(f"{section.__name__}OfSymbol", __base__=Section, **fields)


if TYPE_CHECKING:
    StrategyPart: TypeAlias = Section
    SizingPart: TypeAlias = Section
    ExecutionPart: TypeAlias = Section
    RiskPart: TypeAlias = Section
else:
    StrategyPart = _part("strategy", StrategySettings)
    SizingPart = _part("sizing", SizingSettings)
    ExecutionPart = _part("execution", ExecutionSettings)
    RiskPart = _part("risk", RiskSettings)


class SymbolSettings(Section):
    strategy: StrategyPart = StrategyPart()
    """Keys of `strategy`; another `name` or `class` begins without `parameters`."""
    sizing: SizingPart = SizingPart()
    """Keys of `sizing`, but for the caps of the account."""
    execution: ExecutionPart = ExecutionPart()
    """Keys of `execution`."""
    risk: RiskPart = RiskPart()
    """Keys of `risk`, but for the breakers and what concerns all symbols."""

    def given(self) -> dict[str, dict[str, Any]]:
        """Only what was set, as it stands in the file."""
        dumped = self.model_dump(mode="json", exclude_unset=True)
        return {name: block for name, block in dumped.items() if block}


def overridden(section: Section, given: dict[str, Any]) -> Section:
    """`section` with the keys that were given in place of its own. Raises `ValidationError` if they do not fit."""
    values = section.model_dump(mode="json")
    if isinstance(section, StrategySettings):
        if given.keys() & {"name", "class"}:
            values |= {"name": "ensemble", "class": None, "parameters": {}}
        if "regimes" in given:
            regimes = {name: {**rule, **given["regimes"].get(name, {})} for name, rule in values["regimes"].items()}
            given = {**given, "regimes": regimes}
    return type(section).model_validate({**values, **given})
