"""Regime and signal: what the forecast means for a position."""

from trader.strategy.regime import classify
from trader.strategy.signals import NoSignal, edge_holds, evaluate

__all__ = ["NoSignal", "classify", "edge_holds", "evaluate"]
