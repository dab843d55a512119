"""TA-Lib is the oracle wherever it has the same definition."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.unit.features.candles import Array, Candles, random_candles, recorded_candles
from trader.features import COLUMNS, WARM_UP

talib: Any = pytest.importorskip("talib", reason="TA-Lib is not installed; it is an oracle for tests only")

Oracle = Callable[..., Array]

ORACLES: dict[str, Oracle] = {
    **{f"sma_{n}": lambda c, n=n: talib.SMA(c.close, n) for n in (5, 10, 20, 50, 100, 200)},
    **{f"ema_{n}": lambda c, n=n: talib.EMA(c.close, n) for n in (9, 12, 21, 26, 50, 200)},
    **{f"rsi_{n}": lambda c, n=n: talib.RSI(c.close, n) for n in (7, 14, 21)},
    **{f"atr_{n}": lambda c, n=n: talib.ATR(c.high, c.low, c.close, n) for n in (7, 14, 21)},
    **{f"atr_frac_{n}": lambda c, n=n: talib.NATR(c.high, c.low, c.close, n) / 100 for n in (7, 14)},
    **{f"roc_{n}": lambda c, n=n: talib.ROC(c.close, n) for n in (5, 10, 20)},
    **{f"momentum_{n}": lambda c, n=n: talib.MOM(c.close, n) for n in (10, 20)},
    **{f"return_{n}": lambda c, n=n: np.log(talib.ROCR(c.close, n)) for n in (1, 3, 5, 10, 15, 30, 60, 120, 240)},
    "cmo_14": lambda c: talib.CMO(c.close, 14),
    "stochastic_k": lambda c: talib.STOCHF(c.high, c.low, c.close, 14, 3)[0],
    "stochastic_d": lambda c: talib.STOCHF(c.high, c.low, c.close, 14, 3)[1],
    "williams_r": lambda c: talib.WILLR(c.high, c.low, c.close, 14),
    "cci_20": lambda c: talib.CCI(c.high, c.low, c.close, 20),
    "ultimate_oscillator": lambda c: talib.ULTOSC(c.high, c.low, c.close, 7, 14, 28),
    "macd": lambda c: talib.MACD(c.close, 12, 26, 9)[0],
    "macd_signal": lambda c: talib.MACD(c.close, 12, 26, 9)[1],
    "macd_hist": lambda c: talib.MACD(c.close, 12, 26, 9)[2],
    "trix_15": lambda c: talib.TRIX(c.close, 15),
    "bb_ma": lambda c: talib.BBANDS(c.close, 20, 2, 2)[1],
    "bb_upper": lambda c: talib.BBANDS(c.close, 20, 2, 2)[0],
    "bb_lower": lambda c: talib.BBANDS(c.close, 20, 2, 2)[2],
    "bb_std": lambda c: talib.STDDEV(c.close, 20, 1),
    "kc_middle": lambda c: talib.EMA(c.close, 20),
    "adx": lambda c: talib.ADX(c.high, c.low, c.close, 14),
    "plus_di": lambda c: talib.PLUS_DI(c.high, c.low, c.close, 14),
    "minus_di": lambda c: talib.MINUS_DI(c.high, c.low, c.close, 14),
    "aroon_up": lambda c: talib.AROON(c.high, c.low, 25)[1],
    "aroon_down": lambda c: talib.AROON(c.high, c.low, 25)[0],
    "aroon_oscillator": lambda c: talib.AROONOSC(c.high, c.low, 25),
    "sar": lambda c: talib.SAR(c.high, c.low, 0.02, 0.2),
    "slope_20": lambda c: talib.LINEARREG_SLOPE(c.close, 20) * 19 / c.close,
    "slope_60": lambda c: talib.LINEARREG_SLOPE(c.close, 60) * 59 / c.close,
    "mfi": lambda c: talib.MFI(c.high, c.low, c.close, c.volume, 14),
    "obv": lambda c: talib.OBV(c.close, c.volume),
    "ad_line": lambda c: talib.AD(c.high, c.low, c.close, c.volume),
    "volume_ma_5": lambda c: talib.SMA(c.volume, 5),
    "volume_ma_20": lambda c: talib.SMA(c.volume, 20),
    "pivot": lambda c: talib.TYPPRICE(c.high, c.low, c.close),
    "body": lambda c: talib.BOP(c.open, c.high, c.low, c.close),
    "range_position_60": lambda c: (c.close - talib.MIN(c.low, 60)) / (talib.MAX(c.high, 60) - talib.MIN(c.low, 60)),
}


def returns(c: Candles) -> Array:
    return np.asarray(np.log(talib.ROCR(c.close, 1)))


def atr(c: Candles) -> Array:
    return np.asarray(talib.ATR(c.high, c.low, c.close, 14))


def sample_deviation(values: Array, n: int) -> Array:
    """TA-Lib's is the population's."""
    return np.asarray(talib.STDDEV(values, n) * np.sqrt(n / (n - 1)))


def channel(c: Candles) -> tuple[Array, Array]:
    middle = talib.EMA(c.close, 20)
    return middle - 2 * atr(c), middle + 2 * atr(c)


def bands(c: Candles) -> tuple[Array, Array, Array]:
    upper, middle, lower = talib.BBANDS(c.close, 20, 2, 2)
    return lower, middle, upper


def position(values: Array, low: Array, high: Array) -> Array:
    return np.asarray((values - low) / (high - low))


MINUTES_A_YEAR = 365 * 24 * 60

NORMALISED: dict[str, Oracle] = {
    **{f"sma_dist_{n}": lambda c, n=n: c.close / talib.SMA(c.close, n) - 1 for n in (5, 10, 20, 50, 100, 200)},
    "ema_dist_21": lambda c: c.close / talib.EMA(c.close, 21) - 1,
    "ema_cross": lambda c: (talib.EMA(c.close, 9) - talib.EMA(c.close, 21)) / atr(c),
    "macd_atr": lambda c: talib.MACD(c.close, 12, 26, 9)[0] / atr(c),
    "macd_hist_atr": lambda c: talib.MACD(c.close, 12, 26, 9)[2] / atr(c),
    "momentum_10_atr": lambda c: talib.MOM(c.close, 10) / atr(c),
    "rsi_change_5": lambda c: talib.MOM(talib.RSI(c.close, 14), 5),
    "range_atr": lambda c: (c.high - c.low) / atr(c),
    "atr_ratio": lambda c: atr(c) / talib.SMA(atr(c), 50),
    "bb_width": lambda c: (bands(c)[2] - bands(c)[0]) / bands(c)[1],
    "bb_position": lambda c: position(c.close, bands(c)[0], bands(c)[2]),
    "kc_lower": lambda c: channel(c)[0],
    "kc_upper": lambda c: channel(c)[1],
    "kc_position": lambda c: position(c.close, *channel(c)),
    "squeeze": lambda c: (bands(c)[2] - bands(c)[0]) / (channel(c)[1] - channel(c)[0]),
    **{
        f"hist_vol_{n}": lambda c, n=n: sample_deviation(returns(c), n) * np.sqrt(MINUTES_A_YEAR / c.minutes)
        for n in (10, 20, 60, 240)
    },
    **{
        f"zscore_{n}": lambda c, n=n: (c.close - talib.SMA(c.close, n)) / sample_deviation(c.close, n) for n in (20, 50)
    },
    **{
        f"range_position_{n}": lambda c, n=n: position(c.close, talib.MIN(c.low, n), talib.MAX(c.high, n))
        for n in (20, 240)
    },
    **{f"drawdown_{n}": lambda c, n=n: c.close / talib.MAX(c.close, n) - 1 for n in (60, 240)},
    **{f"rebound_{n}": lambda c, n=n: c.close / talib.MIN(c.close, n) - 1 for n in (60, 240)},
    "midpoint_cross": lambda c: (talib.MIDPRICE(c.high, c.low, 9) - talib.MIDPRICE(c.high, c.low, 26)) / c.close,
    "sar_dist": lambda c: c.close / talib.SAR(c.high, c.low, 0.02, 0.2) - 1,
    "obv_ma": lambda c: talib.SMA(talib.OBV(c.close, c.volume), 20),
    "volume_ratio": lambda c: c.volume / talib.SMA(c.volume, 20),
    "volume_ratio_60_240": lambda c: talib.SMA(c.volume, 60) / talib.SMA(c.volume, 240),
    "volume_oscillator": lambda c: 100 * (talib.SMA(c.volume, 5) / talib.SMA(c.volume, 20) - 1),
}
"""Columns whose definition is TA-Lib's brought to a scale-free form."""

ORACLES |= NORMALISED


def assert_agree(name: str, ours: Array, oracle: Array) -> None:
    """Equal to 1e-9 of the value, or of the column's spread where the value crosses zero."""
    np.testing.assert_allclose(ours, oracle, rtol=1e-9, atol=1e-9 * float(np.std(oracle)), err_msg=name)


@pytest.mark.parametrize("name", ORACLES)
def test_a_column_equals_talib_past_the_warm_up(name: str) -> None:
    candles = random_candles(4_000, volatility=0.01)
    assert_agree(name, candles.matrix("1m")[WARM_UP:, COLUMNS.index(name)], ORACLES[name](candles)[WARM_UP:])


@pytest.mark.recorded
@pytest.mark.parametrize("series", ["binance/ETHUSDT-5m", "binance/SUIUSDT-5m"])
def test_columns_equal_talib_on_recorded_candles(series: str) -> None:
    candles = recorded_candles(series, 30_000)
    matrix = candles.matrix("5m")
    for name, oracle in ORACLES.items():
        assert_agree(name, matrix[WARM_UP:, COLUMNS.index(name)], oracle(candles)[WARM_UP:])


@pytest.mark.parametrize(("column", "candles_per"), [("rsi_15m", 15), ("rsi_1h", 60)])
def test_rsi_of_higher_candles_is_talibs_rsi_of_resampled_closes(column: str, candles_per: int) -> None:
    """Each base candle sees the newest higher candle that had closed by its own close."""
    candles = random_candles(60 * 60)
    closes = candles.close[candles_per - 1 :: candles_per]
    oracle = talib.RSI(closes, 14)
    closed = (np.arange(WARM_UP, len(candles.close)) + 1) // candles_per
    assert_agree(column, candles.matrix("1m")[WARM_UP:, COLUMNS.index(column)], oracle[closed - 1])
