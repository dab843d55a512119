"""How returns depend on earlier ones: autocorrelation, variance ratios, long memory."""

from math import log, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import LENGTH, Series, mean, ratio, total

LO_MACKINLAY = "Lo and MacKinlay, Review of Financial Studies 1 (1988)"
PENG = "Peng et al., Physical Review E 49 (1994)"

COLUMNS = Family("statistics")
for _lag, _n in ((1, 30), (1, 120), (5, 120)):
    COLUMNS.model_input(
        f"autocorr_{_lag}_{_n}",
        f"autocorrelation of {_n} log returns at lag {_lag}; 0 if flat",
        _n + 1,
        "correlation",
        -1,
        1,
    )
for _step, _n in ((5, 120), (15, 240)):
    COLUMNS.model_input(
        f"variance_ratio_{_step}_{_n}",
        f"variance of overlapping {_step}-candle log returns / ({_step} * that of single ones), among {_n}; 1 if flat",
        _n + 1,
        "ratio",
        0,
        1.5 * _step,
        LO_MACKINLAY,
    )
HURST = (
    "detrended fluctuation analysis of 256 log returns, detrended linearly: "
    "slope of ln F(s) on ln s, s = 8, 16, 32, 64, kept within 0..2; 0.5 if flat"
)
COLUMNS.model_input("hurst", HURST, 257, "exponent", 0, 2, PENG)
COLUMNS.published("hurst_proxy", "the same as hurst", 257, "exponent", 0, 2, PENG)

DEPENDENCE = np.dtype([("profile", np.float64, (LENGTH,))])  # working space, means nothing between candles


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    row.autocorr_1_30 = _autocorrelation(history.log_return, end, 30, 1)
    row.autocorr_1_120 = _autocorrelation(history.log_return, end, 120, 1)
    row.autocorr_5_120 = _autocorrelation(history.log_return, end, 120, 5)
    row.variance_ratio_5_120 = _variance_ratio(history.log_return, end, 120, 5)
    row.variance_ratio_15_240 = _variance_ratio(history.log_return, end, 240, 15)
    row.hurst = _hurst(state.profile, history.log_return, end)
    row.hurst_proxy = row.hurst


@kernel
def _autocorrelation(series: Series, end: int, length: int, lag: int) -> float:
    center = mean(series, end, length)
    together = 0.0
    spread = 0.0
    for i in range(end - length, end):
        x = series[i] - center
        spread += x * x
        if i >= end - length + lag:
            together += x * (series[i - lag] - center)
    return ratio(together, spread, 0.0)


@kernel
def _variance_ratio(series: Series, end: int, length: int, step: int) -> float:
    """Both variances around the mean of all, with Lo and MacKinlay's corrections for the small sample."""
    center = mean(series, end, length)
    single = 0.0
    for i in range(end - length, end):
        single += (series[i] - center) * (series[i] - center)
    longer = 0.0
    for i in range(end - length + step, end + 1):
        x = total(series, i, step) - step * center
        longer += x * x
    terms = step * (length - step + 1.0) * (1.0 - step / length)
    return ratio(longer / terms, single / (length - 1.0), 1.0)


@kernel
def _hurst(profile: np.ndarray, series: Series, end: int) -> float:
    """Slope of ln F on ln s; the logarithms of the scales are ln 2 apart."""
    center = mean(series, end, LENGTH)
    level = 0.0
    for i in range(LENGTH):
        level += series[end - LENGTH + i] - center
        profile[i] = level
    together = 0.0
    for k in range(4):
        fluctuation = _fluctuation(profile, 8 << k)
        if fluctuation == 0.0:
            return 0.5
        together += (k - 1.5) * log(fluctuation)
    return min(2.0, max(0.0, together / (5.0 * log(2.0))))


@kernel
def _fluctuation(profile: np.ndarray, scale: int) -> float:
    """Root mean square distance of the profile from the least-squares line of each piece of `scale` elements."""
    middle = (scale - 1) / 2.0
    times = scale * (scale * scale - 1.0) / 12.0
    squared = 0.0
    for start in range(0, LENGTH, scale):
        center = 0.0
        tilt = 0.0
        for i in range(scale):
            center += profile[start + i]
            tilt += (i - middle) * profile[start + i]
        center /= scale
        tilt /= times
        for i in range(scale):
            x = profile[start + i] - center - tilt * (i - middle)
            squared += x * x
    return sqrt(squared / LENGTH)
