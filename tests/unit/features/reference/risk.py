"""Volatility, volume and microstructure, from their formulas."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.unit.features.candles import Array
from tests.unit.features.reference.past import Past, Reference, exponential, share


def width(p: Past, back: int = 0) -> Any:
    window = p.c[len(p.c) - back - 20 : len(p.c) - back]
    return 4 * window.std() / window.mean()


def squeeze(p: Past, back: int = 0) -> Any:
    end = len(p.c) - back
    return p.c[end - 20 : end].std() / p.atr()[end - 1]


def variance_of_ranges(p: Past, estimator: Callable[[Array, Array, Array, Array], Array]) -> Any:
    opened, high, low, close = (np.log(column[-20:]) for column in (p.o, p.h, p.l, p.c))
    return p.annual * math.sqrt(estimator(opened, high, low, close).mean())


def jump_share(p: Past) -> Any:
    size = np.abs(p.r[-51:])
    bipower = math.pi / 2 * (size[1:] * size[:-1]).sum()
    return max(0.0, 1 - share(bipower, (size[1:] ** 2).sum(), 1.0))


def blend(p: Past) -> Any:
    """Weights written out, newest first: 0.7 of a day's span and 0.3 of a month's, over 2,000 candles."""
    squared = (p.r[-2_000:] ** 2)[::-1]
    ages = np.arange(2_000)

    def of(days: int) -> Any:
        span = max(20, days * 1_440 // p.minutes)
        weights = (1 - 2 / (span + 1)) ** ages
        return math.sqrt((weights * squared).sum() / weights.sum())

    return p.annual * (0.7 * of(1) + 0.3 * of(30))


def historical(p: Past, n: int) -> Any:
    return p.annual * p.r[-n:].std(ddof=1)


VOLATILITY: dict[str, Reference] = {
    **{f"atr_{n}": lambda p, n=n: p.atr(n)[-1] for n in (7, 14, 21)},
    **{f"atr_frac_{n}": lambda p, n=n: p.atr(n)[-1] / p.c[-1] for n in (7, 14)},
    "atr_ratio": lambda p: p.atr()[-1] / p.atr()[-50:].mean(),
    "range_atr": lambda p: (p.h[-1] - p.l[-1]) / p.atr()[-1],
    "bb_ma": lambda p: p.c[-20:].mean(),
    "bb_std": lambda p: p.c[-20:].std(),
    "bb_upper": lambda p: p.c[-20:].mean() + 2 * p.c[-20:].std(),
    "bb_lower": lambda p: p.c[-20:].mean() - 2 * p.c[-20:].std(),
    "bb_width": width,
    "bb_position": lambda p: 0.5 + (p.c[-1] - p.c[-20:].mean()) / (4 * p.c[-20:].std()),
    "bb_width_ratio": lambda p: width(p) / float(np.mean([width(p, back) for back in range(50)])),
    "kc_middle": lambda p: p.ema(20)[-1],
    "kc_upper": lambda p: p.ema(20)[-1] + 2 * p.atr()[-1],
    "kc_lower": lambda p: p.ema(20)[-1] - 2 * p.atr()[-1],
    "kc_position": lambda p: 0.5 + (p.c[-1] - p.ema(20)[-1]) / (4 * p.atr()[-1]),
    "squeeze": lambda p: p.c[-20:].std() / p.atr()[-1],
    "squeeze_age": lambda p: next(n for n in range(len(p.c)) if squeeze(p, n) < 0.75),
    **{f"hist_vol_{n}": lambda p, n=n: historical(p, n) for n in (10, 20, 60, 240)},
    "vol_ratio_10_60": lambda p: historical(p, 10) / historical(p, 60),
    "vol_ratio_60_240": lambda p: historical(p, 60) / historical(p, 240),
    "ewma_vol": lambda p: p.annual * math.sqrt(exponential(p.r**2, 0.06)[-1]),
    "vol_blend": blend,
    "parkinson_20": lambda p: variance_of_ranges(p, lambda o, h, w, c: (h - w) ** 2 / (4 * math.log(2))),
    "garman_klass_20": lambda p: variance_of_ranges(
        p, lambda o, h, w, c: (h - w) ** 2 / 2 - (2 * math.log(2) - 1) * (c - o) ** 2
    ),
    "rogers_satchell_20": lambda p: variance_of_ranges(p, lambda o, h, w, c: (h - c) * (h - o) + (w - c) * (w - o)),
    "vol_of_vol_50": lambda p: p.tr[-50:].std(ddof=1) / p.tr[-50:].mean(),
    "downside_share_50": lambda p: (np.minimum(p.r[-50:], 0) ** 2).sum() / (p.r[-50:] ** 2).sum(),
    "jump_share_50": jump_share,
    "largest_move_50": lambda p: np.abs(p.r[-50:]).max() / math.sqrt((p.r[-50:] ** 2).sum()),
}


def located(p: Past) -> Any:
    reach = p.h - p.l
    return p.v * np.divide(2 * p.c - p.h - p.l, reach, out=np.zeros_like(reach), where=reach > 0)


def obv(p: Past) -> Any:
    signed = p.v * np.sign(p.change)
    signed[0] = p.v[0]
    return np.cumsum(signed)


def money_flow(p: Past) -> Any:
    rising = falling = 0.0
    for i in range(len(p.c) - 14, len(p.c)):
        step = p.typical[i] - p.typical[i - 1]
        if abs(step) > 1e-12 * p.typical[i]:
            rising += p.typical[i] * p.v[i] * (step > 0)
            falling += p.typical[i] * p.v[i] * (step < 0)
    return 100 * share(rising, rising + falling, 0.5)


def flow(p: Past, series: Array, n: int) -> Any:
    return share(series[-n:].sum(), p.v[-n:].sum(), 0.0)


def vwap_distance(p: Past, n: int) -> Any:
    traded = p.v[-n:].sum()
    return 0.0 if traded == 0 else p.c[-1] / ((p.v[-n:] * p.typical[-n:]).sum() / traded) - 1


def profile_peak(p: Past) -> tuple[float, float]:
    price, volume = p.typical[-120:], p.v[-120:]
    counts, edges = np.histogram(price, bins=24, weights=volume)
    peak = int(np.argmax(counts))
    return p.c[-1] / ((edges[peak] + edges[peak + 1]) / 2) - 1, counts[peak] / volume.sum()


VOLUME: dict[str, Reference] = {
    "obv": lambda p: obv(p)[-1],
    "obv_ma": lambda p: obv(p)[-20:].mean(),
    "vpt": lambda p: (p.v[1:] * (p.c[1:] / p.c[:-1] - 1)).sum(),
    "ad_line": lambda p: located(p).sum(),
    "volume_ma_5": lambda p: p.v[-5:].mean(),
    "volume_ma_20": lambda p: p.v[-20:].mean(),
    "mfi": money_flow,
    "volume_oscillator": lambda p: 100 * (p.v[-5:].mean() / p.v[-20:].mean() - 1),
    "volume_ratio": lambda p: p.v[-1] / p.v[-20:].mean(),
    "volume_ratio_60_240": lambda p: p.v[-60:].mean() / p.v[-240:].mean(),
    "volume_z_50": lambda p: (p.v[-1] - p.v[-50:].mean()) / p.v[-50:].std(ddof=1),
    "volume_peak_20": lambda p: p.v[-20:].max() / p.v[-20:].sum(),
    **{f"obv_flow_{n}": lambda p, n=n: flow(p, p.v * np.sign(p.change), n) for n in (20, 60)},
    "vpt_flow_20": lambda p: flow(p, p.v * p.r, 20),
    "ad_flow_20": lambda p: flow(p, located(p), 20),
    "volume_return_corr_30": lambda p: np.corrcoef(p.v[-30:], p.r[-30:])[0, 1],
    "no_trade_share_20": lambda p: np.mean(p.v[-20:] == 0),
    **{f"vwap_dist_{n}": lambda p, n=n: vwap_distance(p, n) for n in (20, 60, 240)},
    "profile_below_120": lambda p: p.v[-120:][p.typical[-120:] < p.c[-1]].sum() / p.v[-120:].sum(),
    "profile_peak_dist_120": lambda p: profile_peak(p)[0],
    "profile_peak_share_120": lambda p: profile_peak(p)[1],
}


def corwin_schultz(p: Past) -> Any:
    spreads = []
    for i in range(len(p.c) - 20, len(p.c)):
        beta = math.log(p.h[i] / p.l[i]) ** 2 + math.log(p.h[i - 1] / p.l[i - 1]) ** 2
        gamma = math.log(max(p.h[i], p.h[i - 1]) / min(p.l[i], p.l[i - 1])) ** 2
        alpha = (math.sqrt(2 * beta) - math.sqrt(beta)) / (3 - 2 * math.sqrt(2)) - math.sqrt(
            gamma / (3 - 2 * math.sqrt(2))
        )
        spreads.append(max(0.0, 2 * (math.exp(alpha) - 1) / (1 + math.exp(alpha))))
    return float(np.mean(spreads))


def roll(p: Past) -> Any:
    return 2 * math.sqrt(max(0.0, -np.cov(p.r[-30:], p.r[-31:-1])[0, 1]))


def impact_slope(p: Past) -> Any:
    relative = p.v[-30:] / p.v[-30:].mean()
    return (np.abs(p.r[-30:]) * relative).sum() / (relative**2).sum()


def illiquidity(p: Past, n: int) -> Any:
    return np.abs(p.r[-n:]).sum() / (p.v[-n:] * p.c[-n:]).sum()


MICROSTRUCTURE: dict[str, Reference] = {
    "spread_proxy": lambda p: (p.h[-1] - p.l[-1]) / p.c[-1],
    "corwin_schultz_20": corwin_schultz,
    "roll_spread_30": roll,
    "price_impact": lambda p: share(abs(p.r[-1]), p.v[-1] / p.v[-20:].mean(), 0.0),
    "impact_slope_30": impact_slope,
    "illiquidity_20_240": lambda p: illiquidity(p, 20) / illiquidity(p, 240),
    "tick_direction": lambda p: np.sign(p.change[-1]),
    "tick_persistence": lambda p: np.mean(np.sign(p.change[-10:]) == np.sign(p.change[-11:-1])),
    "still_share_20": lambda p: np.mean(p.change[-20:] == 0),
}
