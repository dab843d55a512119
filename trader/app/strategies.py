"""The strategies of a run: loaded and checked before anything else is asked for."""

from collections.abc import Mapping, Sequence

import structlog

from trader.config.schema import Settings
from trader.domain.reasons import told
from trader.domain.signals import ModelVerdict, StrategyVerdict
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


def warn_of_the_gate(settings: Settings, judged: Sequence[StrategyVerdict]) -> None:
    """Say at start which of them may not trade, and what is missing."""
    if settings.model.gate != "enforce":
        return
    for verdict in judged:
        if verdict.verdict is not ModelVerdict.TRADE:
            log.warning(
                "strategy.observes",
                strategy=verdict.strategy_id,
                trades=verdict.trades,
                missing=told(verdict.reasons, ", "),
                message="model.gate is enforce and its record is not enough: it decides and records but opens nothing; "
                "on paper with model.gate: warn it trades and makes its record",
            )
