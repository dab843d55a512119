"""Price action, momentum and trend, from their formulas."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.unit.features.candles import Array
from tests.unit.features.reference.past import Past, Reference, exponential, share


def since(extreme: Callable[[Array], Any], window: Array) -> Any:
    """Elements after the newest of the extreme ones."""
    return int(extreme(window[::-1]))


PRICE_ACTION: dict[str, Reference] = {
    "higher_highs": lambda p: np.sum(np.diff(p.h[-6:]) > 0),
    "lower_lows": lambda p: np.sum(np.diff(p.l[-6:]) < 0),
    "pivot": lambda p: p.typical[-1],
    "resistance_1": lambda p: 2 * p.typical[-1] - p.l[-1],
    "support_1": lambda p: 2 * p.typical[-1] - p.h[-1],
    "resistance_2": lambda p: p.typical[-1] + p.h[-1] - p.l[-1],
    "support_2": lambda p: p.typical[-1] - p.h[-1] + p.l[-1],
    "dist_to_resistance": lambda p: (2 * p.typical[-1] - p.l[-1] - p.c[-1]) / p.c[-1],
    "dist_to_support": lambda p: (p.c[-1] - 2 * p.typical[-1] + p.h[-1]) / p.c[-1],
    "open_gap": lambda p: math.log(p.o[-1] / p.c[-2]),
    **{f"drawdown_{n}": lambda p, n=n: p.c[-1] / p.c[-n:].max() - 1 for n in (60, 240)},
    **{f"rebound_{n}": lambda p, n=n: p.c[-1] / p.c[-n:].min() - 1 for n in (60, 240)},
    "since_high_60": lambda p: since(np.argmax, p.h[-60:]) / 59,
    "since_low_60": lambda p: since(np.argmin, p.l[-60:]) / 59,
}


def stochastic(p: Past, back: int = 0) -> Any:
    end = len(p.c) - back
    top, bottom = p.h[end - 14 : end].max(), p.l[end - 14 : end].min()
    return 100 * share(p.c[end - 1] - bottom, top - bottom, 0.5)


def cci(p: Past) -> Any:
    window = p.typical[-20:]
    return share(window[-1] - window.mean(), 0.015 * np.abs(window - window.mean()).mean(), 0.0)


def ultimate(p: Past) -> Any:
    pressure = p.c[1:] - np.minimum(p.l[1:], p.c[:-1])
    parts = [share(pressure[-n:].sum(), p.tr[-n:].sum(), 0.5) for n in (7, 14, 28)]
    return 100 * float(np.dot(parts, (4, 2, 1))) / 7


def macd(p: Past) -> Array:
    return p.ema(12) - p.ema(26)


def since_cross(p: Past) -> Any:
    sides = np.sign(p.ema(9) - p.ema(21))
    sides = sides[np.flatnonzero(sides)[0] :]
    for i in np.flatnonzero(sides == 0):  # where they are equal neither has crossed
        sides[i] = sides[i - 1]
    return since(np.argmax, np.diff(sides, prepend=sides[0]) != 0)


def trix(p: Past) -> Any:
    series = p.c
    for _ in range(3):
        series = exponential(series, 2 / 16)
    return 100 * (series[-1] / series[-2] - 1)


def t_value(p: Past, n: int) -> Any:
    return math.sqrt(n) * p.r[-n:].mean() / p.r[-n:].std(ddof=1)


MOMENTUM: dict[str, Reference] = {
    "close": lambda p: p.c[-1],
    **{f"return_{n}": lambda p, n=n: math.log(p.c[-1] / p.c[-1 - n]) for n in (1, 3, 5, 10, 15, 30, 60, 120, 240)},
    **{f"roc_{n}": lambda p, n=n: 100 * (p.c[-1] / p.c[-1 - n] - 1) for n in (5, 10, 20)},
    **{f"momentum_{n}": lambda p, n=n: p.c[-1] - p.c[-1 - n] for n in (10, 20)},
    "momentum_10_atr": lambda p: (p.c[-1] - p.c[-11]) / p.atr()[-1],
    **{f"trend_ratio_{n}": lambda p, n=n: t_value(p, n) for n in (20, 60)},
    **{f"rsi_{n}": lambda p, n=n: p.rsi(n)[-1] for n in (7, 14, 21)},
    "rsi_change_5": lambda p: p.rsi(14)[-1] - p.rsi(14)[-6],
    "cmo_14": lambda p: 2 * p.rsi(14)[-1] - 100,
    "stochastic_k": stochastic,
    "stochastic_d": lambda p: float(np.mean([stochastic(p, back) for back in range(3)])),
    "williams_r": lambda p: stochastic(p) - 100,
    "cci_20": cci,
    "ultimate_oscillator": ultimate,
    **{f"sma_{n}": lambda p, n=n: p.c[-n:].mean() for n in (5, 10, 20, 50, 100, 200)},
    **{f"ema_{n}": lambda p, n=n: p.ema(n)[-1] for n in (9, 12, 21, 26, 50, 200)},
    **{f"sma_dist_{n}": lambda p, n=n: p.c[-1] / p.c[-n:].mean() - 1 for n in (5, 10, 20, 50, 100, 200)},
    "ema_dist_21": lambda p: p.c[-1] / p.ema(21)[-1] - 1,
    "ema_cross": lambda p: (p.ema(9)[-1] - p.ema(21)[-1]) / p.atr()[-1],
    "ema_cross_age": since_cross,
    "ma_alignment": lambda p: -np.sign(np.diff([p.c[-n:].mean() for n in (5, 10, 20, 50, 100, 200)])).sum(),
    "macd": lambda p: macd(p)[-1],
    "macd_signal": lambda p: exponential(macd(p), 0.2)[-1],
    "macd_hist": lambda p: macd(p)[-1] - exponential(macd(p), 0.2)[-1],
    "macd_atr": lambda p: macd(p)[-1] / p.atr()[-1],
    "macd_hist_atr": lambda p: (macd(p)[-1] - exponential(macd(p), 0.2)[-1]) / p.atr()[-1],
    "trix_15": trix,
}


def directional(p: Past) -> tuple[Array, Array, Array]:
    """(+DI, -DI, ADX)."""
    up, down = np.diff(p.h, prepend=p.h[0]), -np.diff(p.l, prepend=p.l[0])
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    wide = p.wilder("tr", p.tr, 14)
    plus_di, minus_di = 100 * p.wilder("+", plus, 14) / wide, 100 * p.wilder("-", minus, 14) / wide
    both = plus_di + minus_di
    spread = np.divide(100 * np.abs(plus_di - minus_di), both, out=np.zeros_like(both), where=both > 0)
    return plus_di, minus_di, p.wilder("dx", spread, 14)


def parabolic(p: Past) -> Any:
    """Follows the turning points: each leg starts at the extreme of the one before."""
    high, low = p.h.tolist(), p.l.tolist()
    rising = not (low[0] - low[1] > max(0.0, high[1] - high[0]))
    stop, best, speed = (low[0], high[1], 0.02) if rising else (high[0], low[1], 0.02)
    shown = stop
    for i in range(1, len(high)):
        shown = stop
        if (rising and low[i] <= stop) or (not rising and high[i] >= stop):
            pair = (low[i - 1], low[i]) if not rising else (high[i - 1], high[i])
            shown = min(best, *pair) if not rising else max(best, *pair)
            rising, speed, best = not rising, 0.02, high[i] if not rising else low[i]
        elif (rising and high[i] > best) or (not rising and low[i] < best):
            best, speed = (high[i] if rising else low[i]), min(0.2, speed + 0.02)
        stop = shown + speed * (best - shown)
        stop = min(stop, low[i], low[i - 1]) if rising else max(stop, high[i], high[i - 1])
    return shown


def vortex(p: Past) -> Any:
    up = np.abs(p.h[-14:] - p.l[-15:-1]).sum()
    down = np.abs(p.l[-14:] - p.h[-15:-1]).sum()
    return (up - down) / (up + down)


def choppiness(p: Past) -> Any:
    top, bottom = max(p.h[-14:].max(), p.c[-15]), min(p.l[-14:].min(), p.c[-15])
    return 100 * math.log(p.tr[-14:].sum() / (top - bottom)) / math.log(14)


def line(p: Past, n: int) -> tuple[float, float]:
    slope = np.polynomial.polynomial.polyfit(np.arange(n), p.c[-n:] - p.c[-1], 1)[1]
    return slope * (n - 1) / p.c[-1], np.corrcoef(np.arange(n), p.c[-n:])[0, 1] ** 2


def middle(p: Past, n: int) -> Any:
    return (p.h[-n:].max() + p.l[-n:].min()) / 2


TREND: dict[str, Reference] = {
    "plus_di": lambda p: directional(p)[0][-1],
    "minus_di": lambda p: directional(p)[1][-1],
    "adx": lambda p: directional(p)[2][-1],
    "aroon_up": lambda p: 4 * (25 - since(np.argmax, p.h[-26:])),
    "aroon_down": lambda p: 4 * (25 - since(np.argmin, p.l[-26:])),
    "aroon_oscillator": lambda p: 4 * (since(np.argmin, p.l[-26:]) - since(np.argmax, p.h[-26:])),
    "sar": parabolic,
    "sar_dist": lambda p: p.c[-1] / parabolic(p) - 1,
    "vortex_14": vortex,
    "choppiness_14": choppiness,
    **{f"slope_{n}": lambda p, n=n: line(p, n)[0] for n in (20, 60)},
    **{f"line_fit_{n}": lambda p, n=n: line(p, n)[1] for n in (20, 60)},
    "midpoint_cross": lambda p: (middle(p, 9) - middle(p, 26)) / p.c[-1],
    **{
        f"range_position_{n}": lambda p, n=n: (p.c[-1] - p.l[-n:].min()) / (p.h[-n:].max() - p.l[-n:].min())
        for n in (20, 60, 240)
    },
}
