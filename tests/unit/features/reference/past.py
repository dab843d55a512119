"""What a slow reference looks at: the candles up to and including the one asked for."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.unit.features.candles import Array, Candles

Reference = Callable[..., Any]
YEAR_S = 365 * 24 * 3600


class Past:
    """The candles known at one close, `minutes` long."""

    def __init__(self, candles: Candles, minutes: int) -> None:
        self.candles = candles
        self.minutes = minutes
        self.open_ms, self.o, self.h, self.l, self.c, self.v = candles
        previous = np.concatenate(([self.o[0]], self.c[:-1]))
        self.r = np.log(self.c / previous)
        self.tr = np.maximum(self.h, previous) - np.minimum(self.l, previous)
        self.change = np.diff(self.c, prepend=self.c[0])
        self.typical = (self.h + self.l + self.c) / 3
        self.annual = math.sqrt(YEAR_S / (60 * minutes))
        self.cache: dict[str, Array] = {}

    def remembered(self, name: str, make: Callable[[], Array]) -> Array:
        if name not in self.cache:
            self.cache[name] = make()
        return self.cache[name]

    def wilder(self, name: str, series: Array, n: int) -> Array:
        return self.remembered(f"wilder {name} {n}", lambda: exponential(series, 1 / n))

    def ema(self, n: int) -> Array:
        return self.remembered(f"ema {n}", lambda: exponential(self.c, 2 / (n + 1)))

    def atr(self, n: int = 14) -> Array:
        return self.wilder("tr", self.tr, n)

    def rsi(self, n: int) -> Array:
        up = self.wilder("up", np.maximum(self.change, 0), n)
        down = self.wilder("down", np.maximum(-self.change, 0), n)
        result: Array = 100 * up / np.where(up + down == 0, 1, up + down)
        return result


def exponential(series: Array, weight: float) -> Array:
    out = [float(series[0])]
    for value in series[1:].tolist():
        out.append((1 - weight) * out[-1] + weight * value)
    return np.array(out)


def share(part: float, whole: float, otherwise: float) -> float:
    return otherwise if whole == 0 else part / whole
