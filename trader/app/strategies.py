"""The strategies of a run: loaded and checked before anything else is asked for."""

from collections.abc import Mapping, Sequence

import structlog

from trader.config.schema import Settings
from trader.strategy.base import Strategy
from trader.strategy.loading import load_strategies

log = structlog.get_logger("app")


def strategies_of(settings: Settings) -> dict[str, Strategy]:
    """By symbol. Raises `Misconfigured` naming file and line of what a class of one's own may not do."""

    def columns() -> Sequence[str]:
        from trader.features import FeatureSet

        return FeatureSet.of(settings).columns

    return load_strategies(settings, columns)


def needs_model(strategies: Mapping[str, Strategy]) -> bool:
    """Whether any of them goes by forecasts."""
    return any(strategy.needs_forecast for strategy in strategies.values())


def warn_of_the_gate(settings: Settings, strategies: Mapping[str, Strategy]) -> None:
    """Say at start which of them may not trade, and why."""
    rules = sorted({strategy.strategy_id for strategy in strategies.values() if not strategy.needs_forecast})
    if rules and settings.model.gate == "enforce":
        log.warning(
            "strategy.observes",
            strategy=", ".join(rules),
            message="model.gate is enforce and no record says that it earns: it decides and records but opens nothing; "
            "model.gate: warn lets it trade on paper and at simulators",
        )
