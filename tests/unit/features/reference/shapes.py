"""Higher timeframes, statistics, candlesticks and time, from their formulas."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tests.unit.features.candles import Array
from tests.unit.features.reference.past import Past, Reference, share


def closed(p: Past, minutes: int) -> pd.DataFrame:
    """The higher candles that had closed, whole ones only."""
    frame = pd.DataFrame({"h": p.h, "l": p.l, "c": p.c}, index=pd.to_datetime(p.open_ms, unit="ms"))
    groups = frame.resample(f"{minutes}min")
    whole = groups.agg({"h": "max", "l": "min", "c": "last"})
    return whole[groups.size() == minutes // p.minutes]


def simple_rsi(closes: Array) -> Any:
    change = np.diff(closes[-15:])
    return 100 * share(np.maximum(change, 0).sum(), np.abs(change).sum(), 0.5)


def wilder_rsi(closes: Array) -> Any:
    change = np.diff(closes)
    parts = []
    for side in (np.maximum(change, 0), np.maximum(-change, 0)):
        level = side[:14].mean()
        for value in side[14:]:
            level = (13 * level + value) / 14
        parts.append(level)
    return 100 * parts[0] / (parts[0] + parts[1])


def higher_range(p: Past, minutes: int) -> Any:
    bars = closed(p, minutes)[-14:]
    return (p.c[-1] - bars["l"].min()) / (bars["h"].max() - bars["l"].min())


def higher_atr(p: Past, minutes: int) -> Any:
    bars = closed(p, minutes)[-15:]
    before = bars["c"].shift()
    wide = np.maximum(bars["h"], before) - np.minimum(bars["l"], before)
    return float(wide[1:].mean()) / p.c[-1]


def higher(name: str, minutes: int) -> dict[str, Reference]:
    def closes(p: Past) -> Array:
        return np.asarray(closed(p, minutes)["c"])

    return {
        f"rsi_{name}": lambda p: wilder_rsi(closes(p)),
        f"ma_{name}": lambda p: closes(p)[-20:].mean(),
        f"rsi_simple_{name}": lambda p: simple_rsi(closes(p)),
        f"ma_dist_{name}": lambda p: p.c[-1] / closes(p)[-20:].mean() - 1,
        f"return_1_{name}": lambda p: math.log(p.c[-1] / closes(p)[-2]),
        f"return_5_{name}": lambda p: math.log(p.c[-1] / closes(p)[-6]),
        f"range_position_{name}": lambda p: higher_range(p, minutes),
        f"atr_frac_{name}": lambda p: higher_atr(p, minutes),
    }


def zscore(p: Past, n: int) -> Any:
    return (p.c[-1] - p.c[-n:].mean()) / p.c[-n:].std(ddof=1)


def entropy(p: Past) -> Any:
    rises = (p.change[-62:] > 0).astype(int)
    words = [4 * rises[i] + 2 * rises[i + 1] + rises[i + 2] for i in range(60)]
    shares = np.unique(words, return_counts=True)[1] / 60
    return float(-(shares * np.log(shares)).sum() / math.log(8))


def autocorrelation(p: Past, lag: int, n: int) -> Any:
    x = p.r[-n:] - p.r[-n:].mean()
    return (x[lag:] * x[:-lag]).sum() / (x**2).sum()


def variance_ratio(p: Past, step: int, n: int) -> Any:
    r = p.r[-n:]
    sums = np.array([r[i : i + step].sum() for i in range(n - step + 1)])
    m = step * (n - step + 1) * (1 - step / n)
    return ((sums - step * r.mean()) ** 2).sum() / m / r.var(ddof=1)


def dfa(p: Past) -> Any:
    profile = np.cumsum(p.r[-256:] - p.r[-256:].mean())
    scales = (8, 16, 32, 64)
    sizes = []
    for scale in scales:
        pieces = profile.reshape(-1, scale)
        lines = [np.polyval(np.polyfit(np.arange(scale), piece, 1), np.arange(scale)) for piece in pieces]
        sizes.append(math.sqrt(((pieces - np.array(lines)) ** 2).mean()))
    return float(np.clip(np.polyfit(np.log(scales), np.log(sizes), 1)[0], 0, 2))


def rank(p: Past) -> Any:
    before = p.c[-60:-1]
    return float((np.sum(before < p.c[-1]) + np.sum(before == p.c[-1]) / 2) / 59)


STATISTICS: dict[str, Reference] = {
    **{f"zscore_{n}": lambda p, n=n: zscore(p, n) for n in (20, 50)},
    **{f"skew_{n}": lambda p, n=n: pd.Series(p.r[-n:]).skew() for n in (20, 60)},
    **{f"kurt_{n}": lambda p, n=n: pd.Series(p.r[-n:]).kurt() for n in (20, 60)},
    "rank_60": rank,
    "up_share_20": lambda p: np.mean(p.change[-20:] > 0),
    **{
        f"efficiency_{n}": lambda p, n=n: abs(p.c[-1] - p.c[-1 - n]) / np.abs(p.change[-n:]).sum()
        for n in (10, 30, 120)
    },
    "pattern_entropy_60": entropy,
    **{
        f"autocorr_{lag}_{n}": lambda p, lag=lag, n=n: autocorrelation(p, lag, n)
        for lag, n in ((1, 30), (1, 120), (5, 120))
    },
    **{f"variance_ratio_{k}_{n}": lambda p, k=k, n=n: variance_ratio(p, k, n) for k, n in ((5, 120), (15, 240))},
    "hurst": dfa,
    "hurst_proxy": dfa,
}


def shape(p: Past) -> tuple[float, float, float, float]:
    """(range, body, upper shadow, lower shadow)."""
    top, bottom = max(p.o[-1], p.c[-1]), min(p.o[-1], p.c[-1])
    return p.h[-1] - p.l[-1], top - bottom, p.h[-1] - top, bottom - p.l[-1]


def is_pin(body: float, long: float, short: float) -> Any:
    return body > 0 and long >= 2 * body and short <= body / 2


def engulfs(p: Past, direction: int) -> Any:
    now, before = sorted((p.o[-1], p.c[-1])), sorted((p.o[-2], p.c[-2]))
    turns = (p.c[-1] - p.o[-1]) * direction > 0 > (p.c[-2] - p.o[-2]) * direction
    return turns and now[0] <= before[0] and now[1] >= before[1] and now[1] - now[0] > before[1] - before[0]


def streak(p: Past) -> Any:
    signs: Sequence[float] = np.sign(p.change[-20:])[::-1].tolist()
    length = next((i for i, sign in enumerate(signs) if sign != signs[0]), 20)
    return int(length * signs[0])


def opened(p: Past, zone: str = "UTC") -> datetime:
    return datetime.fromtimestamp(p.open_ms[-1] / 1000, UTC).astimezone(ZoneInfo(zone))


def new_york_trades(p: Past) -> Any:
    there = opened(p, "America/New_York")
    return there.weekday() < 5 and 570 <= there.hour * 60 + there.minute < 960


CANDLESTICKS: dict[str, Reference] = {
    "is_doji": lambda p: shape(p)[1] <= 0.1 * shape(p)[0],
    "is_hammer": lambda p: is_pin(shape(p)[1], shape(p)[3], shape(p)[2]),
    "is_shooting_star": lambda p: is_pin(shape(p)[1], shape(p)[2], shape(p)[3]),
    "bullish_engulfing": lambda p: engulfs(p, 1),
    "bearish_engulfing": lambda p: engulfs(p, -1),
    "is_inside": lambda p: p.h[-1] <= p.h[-2] and p.l[-1] >= p.l[-2],
    "is_outside": lambda p: p.h[-1] > p.h[-2] and p.l[-1] < p.l[-2],
    "body": lambda p: share(p.c[-1] - p.o[-1], p.h[-1] - p.l[-1], 0.0),
    "body_atr": lambda p: (p.c[-1] - p.o[-1]) / p.atr()[-1],
    "upper_shadow": lambda p: share(shape(p)[2], shape(p)[0], 0.0),
    "close_location": lambda p: share(2 * p.c[-1] - p.h[-1] - p.l[-1], p.h[-1] - p.l[-1], 0.0),
    "streak": streak,
}

TIME: dict[str, Reference] = {
    "hour": lambda p: opened(p).hour,
    "day_of_week": lambda p: opened(p).weekday(),
    "is_market_open_hours": new_york_trades,
    "hour_sin": lambda p: math.sin(2 * math.pi * opened(p).hour / 24),
    "hour_cos": lambda p: math.cos(2 * math.pi * opened(p).hour / 24),
    "day_sin": lambda p: math.sin(2 * math.pi * opened(p).weekday() / 7),
    "day_cos": lambda p: math.cos(2 * math.pi * opened(p).weekday() / 7),
    "is_weekend": lambda p: opened(p).weekday() >= 5,
    "hour_of_week": lambda p: opened(p).weekday() * 24 + opened(p).hour,
    "hours_to_funding": lambda p: 8 - (opened(p).hour % 8 + opened(p).minute / 60),
}
