"""Volume: cumulative lines for people, finite volume-normalised flows for the model."""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, kernel
from trader.features.windows import SERIES, correlation, deviation, highest, mean, put, ratio, total

GRANVILLE = "Granville (1963)"
CHAIKIN = "Chaikin, money flow"
QUONG = "Quong and Soudack (1989)"

COLUMNS = Family("volume")
COLUMNS.published("obv", "sum from the start of volume * sign(change of close)", 1, "base", source=GRANVILLE)
COLUMNS.published("obv_ma", "mean over 20 candles of obv, which sums from the start", 20, "base", source=GRANVILLE)
COLUMNS.published("vpt", "sum from the start of volume * (close / previous close - 1)", 2, "base")
COLUMNS.published("ad_line", "sum from the start of volume * close location", 1, "base", source=CHAIKIN)
COLUMNS.published("volume_ma_5", "mean of volume over 5 candles", 5, "base", 0)
COLUMNS.published("volume_ma_20", "mean of volume over 20 candles", 20, "base", 0)
COLUMNS.model_input(
    "mfi",
    "100 * rising / (rising + falling) sums of typical price * volume over 14; 50 without flow",
    15,
    "0..100",
    0,
    100,
    QUONG,
)
COLUMNS.model_input(
    "volume_oscillator", "100 * (volume_ma_5 / volume_ma_20 - 1); 0 without volume", 20, "percent", -100, 300
)
COLUMNS.model_input("volume_ratio", "volume / volume_ma_20; 1 without volume", 20, "ratio", 0, 20)
COLUMNS.model_input("volume_ratio_60_240", "mean volume of 60 / of 240; 1 without volume", 240, "ratio", 0, 4)
COLUMNS.model_input("volume_z_50", "(volume - mean) / sample standard deviation over 50; 0 if flat", 50, "z", -7, 7)
COLUMNS.model_input(
    "volume_peak_20", "largest volume / sum of volume, over 20; 0.05 without volume", 20, "share", 0.05, 1
)
for _n in (20, 60):
    COLUMNS.model_input(
        f"obv_flow_{_n}",
        f"sum of volume * sign(change of close) / sum of volume, over {_n}; 0 without volume",
        _n + 1,
        "share",
        -1,
        1,
        GRANVILLE,
    )
COLUMNS.model_input(
    "vpt_flow_20", "sum of volume * log return / sum of volume, over 20; 0 without volume", 21, "log return"
)
COLUMNS.model_input(
    "ad_flow_20",
    "sum of volume * close location / sum of volume, over 20; 0 without volume",
    20,
    "share",
    -1,
    1,
    CHAIKIN,
)
COLUMNS.model_input(
    "volume_return_corr_30", "correlation of volume and log return over 30; 0 if flat", 31, "correlation", -1, 1
)
COLUMNS.model_input("no_trade_share_20", "share of the last 20 candles without any volume", 20, "share", 0, 1)

VOLUME = np.dtype(
    [
        ("obv", np.float64),
        ("vpt", np.float64),
        ("ad_line", np.float64),
        ("obv_series", *SERIES),
        ("signed", *SERIES),  # volume * sign of the change of close
        ("located", *SERIES),  # volume * close location, -1 at the low, 1 at the high
    ]
)

SAME = 1e-12
"""Typical prices that differ by less, as a fraction, are the same: thirds of equal sums may differ in the last bit."""


@kernel
def advance(state: Record, history: Record) -> None:
    """One candle further; `history` already holds it."""
    end = history.end
    close = history.close[end - 1]
    high = history.high[end - 1]
    low = history.low[end - 1]
    volume = history.volume[end - 1]
    located = volume * ratio((close - low) - (high - close), high - low, 0.0)
    signed = volume
    if history.count > 1:
        previous = history.close[end - 2]
        signed = volume * np.sign(close - previous)
        state.vpt += volume * (close / previous - 1.0)
    state.obv += signed
    state.ad_line += located
    put(state.obv_series, end, state.obv)
    put(state.signed, end, signed)
    put(state.located, end, located)


@kernel
def write(state: Record, history: Record, row: Record) -> None:
    """Write the family's columns for the newest candle."""
    end = history.end
    volume = history.volume[end - 1]
    row.obv = state.obv
    row.obv_ma = mean(state.obv_series, end, 20)
    row.vpt = state.vpt
    row.ad_line = state.ad_line
    short = mean(history.volume, end, 5)
    long = mean(history.volume, end, 20)
    row.volume_ma_5 = short
    row.volume_ma_20 = long
    row.volume_oscillator = 100.0 * (ratio(short, long, 1.0) - 1.0)
    row.volume_ratio = ratio(volume, long, 1.0)
    row.volume_ratio_60_240 = ratio(mean(history.volume, end, 60), mean(history.volume, end, 240), 1.0)
    row.volume_return_corr_30 = correlation(history.volume, history.log_return, end, 30)
    row.volume_z_50 = ratio(volume - mean(history.volume, end, 50), deviation(history.volume, end, 50), 0.0)
    row.mfi = _money_flow_index(history, end)
    _write_flows(state, history, row)


@kernel
def _money_flow_index(history: Record, end: int) -> float:
    rising = 0.0
    falling = 0.0
    for i in range(end - 14, end):
        flow = history.typical[i] * history.volume[i]
        change = history.typical[i] - history.typical[i - 1]
        if change > SAME * history.typical[i]:
            rising += flow
        elif change < -SAME * history.typical[i]:
            falling += flow
    return 100.0 * ratio(rising, rising + falling, 0.5)


@kernel
def _write_flows(state: Record, history: Record, row: Record) -> None:
    end = history.end
    traded = total(history.volume, end, 20)
    moved = 0.0
    silent = 0
    for i in range(end - 20, end):
        moved += history.volume[i] * history.log_return[i]
        if history.volume[i] == 0.0:
            silent += 1
    row.volume_peak_20 = ratio(highest(history.volume, end, 20), traded, 0.05)
    row.obv_flow_20 = ratio(total(state.signed, end, 20), traded, 0.0)
    row.obv_flow_60 = ratio(total(state.signed, end, 60), total(history.volume, end, 60), 0.0)
    row.vpt_flow_20 = ratio(moved, traded, 0.0)
    row.ad_flow_20 = ratio(total(state.located, end, 20), traded, 0.0)
    row.no_trade_share_20 = silent / 20.0
