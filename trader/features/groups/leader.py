"""Cross-asset: the symbol against the market leader (BTC), aligned by the candles' open and so by their close time.

The leader is looked at only where the symbol has a candle. Where the leader lacks one it counts as flat; its move
over a hole of the symbol falls into the first candle after it.
"""

from math import isnan, log, sqrt

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, Series, correlation, mean, put, ratio, squares, total

NEEDED = 241
"""Candles with a known leader after which the columns are available."""

COLUMNS = Family("cross-asset", group="leader")
for _n in (1, 5, 15, 60):
    COLUMNS.model_input(f"leader_return_{_n}", f"the leader's ln(close / close {_n} candles ago)", _n + 1, "log return")
for _n in (5, 15, 60, 240):
    COLUMNS.model_input(
        f"relative_return_{_n}", f"log return over {_n} candles minus the leader's", _n + 1, "log return"
    )
for _n in (60, 240):
    COLUMNS.model_input(
        f"beta_{_n}",
        f"covariance with the leader / the leader's variance, {_n} log returns; 0 if it is flat",
        _n + 1,
        "beta",
    )
    COLUMNS.model_input(
        f"correlation_{_n}",
        f"correlation of {_n} log returns with the leader's; 0 if flat",
        _n + 1,
        "correlation",
        -1,
        1,
    )
COLUMNS.model_input("residual_15", "return_15 - beta_240 * leader_return_15", 241, "log return")
for _n in (60, 240):
    COLUMNS.model_input(
        f"ratio_z_{_n}",
        f"(q - mean) / sample standard deviation over {_n} of q = close / the leader's close; 0 if flat",
        _n,
        "z",
        -16,
        16,
    )
COLUMNS.model_input(
    "leader_lead_60",
    "correlation of 60 log returns with the leader's one candle earlier; 0 if flat",
    62,
    "correlation",
    -1,
    1,
)
COLUMNS.model_input(
    "vol_to_leader_60", "standard deviation of 60 log returns / the leader's; 1 if the leader is flat", 61, "ratio", 0
)
COLUMNS.model_input(
    "leader_volume_ratio", "the leader's volume / its mean over 20; 1 without volume", 20, "ratio", 0, 20
)

LEADER = np.dtype(
    [
        ("known", np.int64),  # candles since the leader's first
        ("last_close", np.float64),
        ("log_return", *SERIES),
        ("earlier", *SERIES),  # log_return one candle before
        ("volume", *SERIES),
        ("quotient", *SERIES),  # close / the leader's close
    ]
)


@kernel
def advance(state: Record, history: Record, close: float, volume: float) -> None:
    """One candle further; `close` and `volume` are the leader's, NaN if it has no candle there."""
    end = history.end
    put(state.earlier, end, state.log_return[end - 2])
    moved = 0.0
    if not isnan(close):
        if state.known > 0:
            moved = log(close / state.last_close)
        state.last_close = close
    if state.last_close > 0.0:
        state.known += 1
    put(state.log_return, end, moved)
    put(state.volume, end, 0.0 if isnan(volume) else volume)
    put(state.quotient, end, ratio(history.close[end - 1], state.last_close, 0.0))


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle; NaN until the leader is known for long enough."""
    if state.known < NEEDED:
        _write_nothing(row)
        return
    end = history.end
    row.leader_return_1 = state.log_return[end - 1]
    row.leader_return_5 = total(state.log_return, end, 5)
    row.leader_return_15 = total(state.log_return, end, 15)
    row.leader_return_60 = total(state.log_return, end, 60)
    row.relative_return_5 = total(history.log_return, end, 5) - row.leader_return_5
    row.relative_return_15 = total(history.log_return, end, 15) - row.leader_return_15
    row.relative_return_60 = total(history.log_return, end, 60) - row.leader_return_60
    row.relative_return_240 = total(history.log_return, end, 240) - total(state.log_return, end, 240)
    row.beta_60 = _beta(history.log_return, state.log_return, end, 60)
    row.beta_240 = _beta(history.log_return, state.log_return, end, 240)
    row.correlation_60 = correlation(history.log_return, state.log_return, end, 60)
    row.correlation_240 = correlation(history.log_return, state.log_return, end, 240)
    row.residual_15 = total(history.log_return, end, 15) - row.beta_240 * row.leader_return_15
    row.ratio_z_60 = _zscore(state.quotient, end, 60)
    row.ratio_z_240 = _zscore(state.quotient, end, 240)
    row.leader_lead_60 = correlation(history.log_return, state.earlier, end, 60)
    own = squares(history.log_return, end, 60)[1]
    row.vol_to_leader_60 = sqrt(ratio(own, squares(state.log_return, end, 60)[1], 1.0))
    row.leader_volume_ratio = ratio(state.volume[end - 1], mean(state.volume, end, 20), 1.0)


@kernel
def _write_nothing(row: Record) -> None:
    row.leader_return_1 = row.leader_return_5 = row.leader_return_15 = row.leader_return_60 = np.nan
    row.relative_return_5 = row.relative_return_15 = row.relative_return_60 = row.relative_return_240 = np.nan
    row.beta_60 = row.beta_240 = row.correlation_60 = row.correlation_240 = row.residual_15 = np.nan
    row.ratio_z_60 = row.ratio_z_240 = row.leader_lead_60 = row.vol_to_leader_60 = row.leader_volume_ratio = np.nan


@kernel
def _beta(own: Series, leading: Series, end: int, length: int) -> float:
    center_own = mean(own, end, length)
    center = mean(leading, end, length)
    together = 0.0
    spread = 0.0
    for i in range(end - length, end):
        x = leading[i] - center
        together += x * (own[i] - center_own)
        spread += x * x
    return ratio(together, spread, 0.0)


@kernel
def _zscore(series: Series, end: int, length: int) -> float:
    center, spread = squares(series, end, length)
    return ratio(series[end - 1] - center, sqrt(spread / (length - 1)), 0.0)
