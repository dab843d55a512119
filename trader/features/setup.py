"""Compile every kernel once, at set-up, so that no candle waits for it."""

from trader.features import step
from trader.features.groups import cross_section, order_book


def compile_kernels() -> None:
    """Compile everything, or load it from the cache (see `compiled`). Safe to call again."""
    step.compile_kernels()
    cross_section.compile_kernels()
    order_book.compile_kernels()
