"""The strategies that are built in, by name: a new one is a member of `StrategyName` and a line here."""

from collections.abc import Mapping

from trader.config.strategy import StrategyName
from trader.strategy.base import Strategy
from trader.strategy.ema_cross import EmaCross
from trader.strategy.ensemble import Ensemble

BUILT_IN: Mapping[StrategyName, type[Strategy]] = {StrategyName.ENSEMBLE: Ensemble, StrategyName.EMA_CROSS: EmaCross}
