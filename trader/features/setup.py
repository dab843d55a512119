"""Compile every kernel once, at set-up, so that no candle waits for it."""

from trader.features import step
from trader.features.groups.registry import REGISTRY


def compile_kernels() -> None:
    """Compile everything, or load it from the cache (see `compiled`). Safe to call again."""
    step.compile_kernels()
    for group in REGISTRY:
        if group.compile_kernels is not None:
            group.compile_kernels()
