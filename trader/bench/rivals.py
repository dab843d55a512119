"""The same columns as pandas and TA-Lib make them, for the benchmark only.

Bots that use them compute every column anew over a window whenever a candle closes; that is what is timed here, beside
our step, which makes all columns. Both libraries are imported inside the functions; TA-Lib is optional.
"""

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from trader.domain.candle_arrays import Floats

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, Any]

WINDOW = 500
"""Candles such a bot keeps and computes over, enough for its longest mean."""

SMAS, EMAS = (5, 10, 20, 50, 100, 200), (9, 12, 21, 26, 50, 200)


def pandas_columns(frame: "pd.DataFrame") -> Columns:
    """Columns of our catalogue with pandas' rolling and ewm; `frame` has open, high, low, close, volume."""
    import pandas as pd

    high, low, close, volume = frame["high"], frame["low"], frame["close"], frame["volume"]
    previous = close.shift()
    change = close.diff()
    returns: Any = np.log(close / previous)
    reach = pd.concat([high, previous], axis=1).max(axis=1) - pd.concat([low, previous], axis=1).min(axis=1)
    top, bottom = high.rolling(14).max(), low.rolling(14).min()
    middle, spread = close.rolling(20).mean(), close.rolling(20).std(ddof=0)
    macd = close.ewm(span=12, adjust=False).mean() - close.ewm(span=26, adjust=False).mean()
    made: Columns = {f"sma_{n}": close.rolling(n).mean() for n in SMAS}
    made |= {f"ema_{n}": close.ewm(span=n, adjust=False).mean() for n in EMAS}
    for n in (7, 14, 21):
        gain, loss = (
            side.ewm(alpha=1 / n, adjust=False).mean() for side in (change.clip(lower=0), -change.clip(upper=0))
        )
        made[f"rsi_{n}"] = 100 * gain / (gain + loss)
        made[f"atr_{n}"] = reach.ewm(alpha=1 / n, adjust=False).mean()
    made |= {f"roc_{n}": 100 * (close / close.shift(n) - 1) for n in (5, 10, 20)}
    made |= {f"return_{n}": np.log(close / close.shift(n)) for n in (1, 3, 5, 10, 15, 30, 60, 120, 240)}
    made |= {"bb_ma": middle, "bb_upper": middle + 2 * spread, "bb_lower": middle - 2 * spread, "bb_std": spread}
    made |= {"macd": macd, "macd_signal": macd.ewm(span=9, adjust=False).mean()}
    made["stochastic_k"] = 100 * (close - bottom) / (top - bottom)
    made["stochastic_d"] = made["stochastic_k"].rolling(3).mean()
    made["williams_r"] = -100 * (top - close) / (top - bottom)
    made |= {f"hist_vol_{n}": returns.rolling(n).std() for n in (10, 20, 60, 240)}
    made |= {f"skew_{n}": returns.rolling(n).skew() for n in (20, 60)}
    made |= {f"kurt_{n}": returns.rolling(n).kurt() for n in (20, 60)}
    made |= {f"zscore_{n}": (close - close.rolling(n).mean()) / close.rolling(n).std() for n in (20, 50)}
    made |= {"volume_ma_5": volume.rolling(5).mean(), "volume_ma_20": volume.rolling(20).mean()}
    made["obv"] = (volume * np.sign(change)).cumsum()
    made["volume_ratio"] = volume / made["volume_ma_20"]
    made["range_position_60"] = (close - low.rolling(60).min()) / (high.rolling(60).max() - low.rolling(60).min())
    return made


def talib_columns(open: Floats, high: Floats, low: Floats, close: Floats, volume: Floats) -> Columns:
    """Columns of our catalogue with TA-Lib; raises ImportError without it."""
    import talib as _talib  # type: ignore[import-untyped, unused-ignore]

    ta: Any = _talib
    made: Columns = {f"sma_{n}": ta.SMA(close, n) for n in SMAS}
    made |= {f"ema_{n}": ta.EMA(close, n) for n in EMAS}
    made |= {f"rsi_{n}": ta.RSI(close, n) for n in (7, 14, 21)}
    made |= {f"atr_{n}": ta.ATR(high, low, close, n) for n in (7, 14, 21)}
    made |= {f"roc_{n}": ta.ROC(close, n) for n in (5, 10, 20)}
    made |= {f"return_{n}": np.log(ta.ROCR(close, n)) for n in (1, 3, 5, 10, 15, 30, 60, 120, 240)}
    made["bb_upper"], made["bb_ma"], made["bb_lower"] = ta.BBANDS(close, 20, 2, 2)
    made["bb_std"] = ta.STDDEV(close, 20)
    made["macd"], made["macd_signal"], made["macd_hist"] = ta.MACD(close)
    made["stochastic_k"], made["stochastic_d"] = ta.STOCHF(high, low, close, 14, 3)
    made["williams_r"] = ta.WILLR(high, low, close, 14)
    made["cci_20"] = ta.CCI(high, low, close, 20)
    made["ultimate_oscillator"] = ta.ULTOSC(high, low, close)
    made["adx"], made["plus_di"] = ta.ADX(high, low, close, 14), ta.PLUS_DI(high, low, close, 14)
    made["minus_di"] = ta.MINUS_DI(high, low, close, 14)
    made["aroon_down"], made["aroon_up"] = ta.AROON(high, low, 25)
    made["sar"], made["trix_15"] = ta.SAR(high, low, 0.02, 0.2), ta.TRIX(close, 15)
    made["mfi"], made["obv"] = ta.MFI(high, low, close, volume, 14), ta.OBV(close, volume)
    made["ad_line"] = ta.AD(high, low, close, volume)
    made["volume_ma_5"], made["volume_ma_20"] = ta.SMA(volume, 5), ta.SMA(volume, 20)
    made["slope_20"], made["slope_60"] = ta.LINEARREG_SLOPE(close, 20), ta.LINEARREG_SLOPE(close, 60)
    made["body"] = ta.BOP(open, high, low, close)
    return made


def compare(
    columns: tuple[Any, Any, Any, Any, Any], seconds: Callable[[Any], float], runs: int
) -> dict[str, dict[str, Any] | str]:
    """Microseconds a new candle costs over a window, and candles a second over everything, for each library.

    `columns` are open, high, low, close, volume, each (n,); `seconds` times a call. Medians of `runs` (over the window
    of three times as many). Of a library that is not installed the answer says so.
    """
    arrays = [np.ascontiguousarray(column, dtype=np.float64) for column in columns]
    tail = [array[-WINDOW:].copy() for array in arrays]

    def with_pandas() -> tuple[Callable[[], Columns], Callable[[], Columns]]:
        import pandas as pd

        frame = pd.DataFrame(dict(zip(("open", "high", "low", "close", "volume"), arrays, strict=True)))
        last = frame.iloc[-WINDOW:]
        return lambda: pandas_columns(last), lambda: pandas_columns(frame)

    def with_talib() -> tuple[Callable[[], Columns], Callable[[], Columns]]:
        return lambda: talib_columns(*tail), lambda: talib_columns(*arrays)

    answer: dict[str, dict[str, Any] | str] = {}
    for name, package, prepare in (("pandas", "pandas", with_pandas), ("talib", "TA-Lib", with_talib)):
        try:
            answer[name] = _timed(*prepare(), len(arrays[0]), seconds, runs)
        except ImportError:
            answer[name] = f"not measured: `pip install {package}` to compare with it"
    return answer


def _timed(
    once: Callable[[], Columns], whole: Callable[[], Columns], count: int, seconds: Callable[[Any], float], runs: int
) -> dict[str, Any]:
    made = len(once())
    return {
        "columns": made,
        "candle_us": median(seconds(once) for _ in range(3 * runs)) * 1e6,
        "batch_candles_per_s": count / median(seconds(whole) for _ in range(runs)),
    }
