"""Where in price the volume was traded: volume-weighted means and the profile of the last 120 candles."""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import highest, lowest, ratio

STEIDLMAYER = "Steidlmayer, market profile (1984)"
CANDLES = 120
BINS = 24

COLUMNS = Family("volume")
for _n in (20, 60, 240):
    COLUMNS.model_input(
        f"vwap_dist_{_n}",
        f"close / volume-weighted mean of typical price over {_n} - 1; 0 without volume",
        _n,
        low=-1,
    )
COLUMNS.model_input(
    "profile_below_120",
    "share of the volume of 120 candles whose typical price is below the close; 0.5 without volume",
    120,
    "share",
    0,
    1,
    STEIDLMAYER,
)
COLUMNS.model_input(
    "profile_peak_dist_120",
    "close / middle of the fullest of 24 equal price bins of 120 candles - 1; 0 if flat or without volume",
    120,
    low=-1,
    source=STEIDLMAYER,
)
COLUMNS.model_input(
    "profile_peak_share_120",
    "share of the volume in that bin; 0 if flat or without volume",
    120,
    "share",
    0,
    1,
    STEIDLMAYER,
)

PROFILE = np.dtype([("bins", np.float64, (BINS,))])  # working space, means nothing between candles


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    row.vwap_dist_20 = _vwap_distance(history, 20)
    row.vwap_dist_60 = _vwap_distance(history, 60)
    row.vwap_dist_240 = _vwap_distance(history, 240)
    close = history.close[end - 1]
    traded = 0.0
    below = 0.0
    for i in range(end - CANDLES, end):
        traded += history.volume[i]
        if history.typical[i] < close:
            below += history.volume[i]
    row.profile_below_120 = ratio(below, traded, 0.5)
    _write_peak(state.bins, history, traded, row)


@kernel
def _vwap_distance(history: Record, length: int) -> float:
    end = history.end
    close: float = history.close[end - 1]
    traded = 0.0
    valued = 0.0
    for i in range(end - length, end):
        traded += history.volume[i]
        valued += history.volume[i] * (history.typical[i] - close)
    return close / (close + ratio(valued, traded, 0.0)) - 1.0


@kernel
def _write_peak(bins: np.ndarray, history: Record, traded: float, row: Record) -> None:
    end = history.end
    bottom = lowest(history.typical, end, CANDLES)
    reach = highest(history.typical, end, CANDLES) - bottom
    row.profile_peak_dist_120 = 0.0
    row.profile_peak_share_120 = 0.0
    if reach == 0.0 or traded == 0.0:
        return
    for i in range(BINS):
        bins[i] = 0.0
    for i in range(end - CANDLES, end):
        position = int((history.typical[i] - bottom) / reach * BINS)
        bins[min(position, BINS - 1)] += history.volume[i]
    peak = 0
    for i in range(1, BINS):
        if bins[i] > bins[peak]:
            peak = i
    row.profile_peak_dist_120 = history.close[end - 1] / (bottom + reach * (peak + 0.5) / BINS) - 1.0
    row.profile_peak_share_120 = bins[peak] / traded
