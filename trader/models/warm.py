"""Compiling ahead of time, so that the first forecast is as fast as the thousandth."""

import numpy as np

from trader.models.synthetic import SMALL_SHAPE, synthetic_ensemble


def compile_kernels() -> None:
    """Compile every inference kernel, or load it from numba's cache (`NUMBA_CACHE_DIR`)."""
    synthetic_ensemble(3, SMALL_SHAPE, (2,)).predict_rows(np.zeros((1, 3)), np.zeros(1))
