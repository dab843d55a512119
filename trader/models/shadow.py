"""A challenger forecasts beside the champion, trades nothing, and replaces it only when it is not worse."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np

from trader.models.compiled import RowForecast
from trader.models.statistics import clustered_mean_t, time_blocks


class ShadowRules(msgspec.Struct, frozen=True):
    """How much must be seen. `worse_t`: the challenger's advantage may not be below this t."""

    fewest_forecasts: int = 300
    fewest_blocks: int = 10
    worse_t: float = -1.0


class ShadowResult(msgspec.Struct, frozen=True):
    """`verdict`: "wait", "promote" or "dismiss" (the challenger). Errors are of log returns, squared."""

    verdict: str
    reason: str
    forecasts: int
    blocks: int
    champion_error: float
    challenger_error: float
    advantage_t: float  # > 0: the challenger was nearer to what happened


class _Pair(NamedTuple):
    symbol: str
    start_ms: int
    end_ms: int
    close: float
    champion: float
    challenger: float


class ShadowPair(NamedTuple):
    """Squared errors of both models' forecasts of one candle, of the log return over the horizon."""

    symbol: str
    start_ms: int
    champion_error: float
    challenger_error: float


class Shadow:
    """Collects pairs of forecasts of the same candle and what the market then did. One writer."""

    def __init__(
        self, champion_slope: float, challenger_slope: float, horizon_ms: int, rules: ShadowRules | None = None
    ) -> None:
        self._slopes = (champion_slope, challenger_slope)
        self._horizon_ms = horizon_ms
        self._rules = rules or ShadowRules()
        self._open: dict[str, deque[_Pair]] = {}
        self._errors: list[ShadowPair] = []

    def saw(self, symbol: str, close_ms: int, close: float, champion: RowForecast, challenger: RowForecast) -> None:
        """Both models' forecasts at the close of a candle. Call `closed` first for the same candle."""
        if champion.abstains or challenger.abstains:
            return
        own, other = champion.prediction * self._slopes[0], challenger.prediction * self._slopes[1]
        pair = _Pair(symbol, close_ms, close_ms + self._horizon_ms, close, own, other)
        self._open.setdefault(symbol, deque()).append(pair)

    def remember(self, pairs: Iterable[ShadowPair]) -> None:
        """What was seen before a restart."""
        self._errors += pairs

    def closed(self, symbol: str, close_ms: int, close: float) -> list[ShadowPair]:
        """A candle closed: forecasts that end here are compared; ones whose end was missed are dropped."""
        found: list[ShadowPair] = []
        waiting = self._open.get(symbol, deque())
        while waiting and waiting[0].end_ms <= close_ms:
            pair = waiting.popleft()
            if pair.end_ms == close_ms:
                realised = float(np.log(close / pair.close))
                errors = (realised - pair.champion) ** 2, (realised - pair.challenger) ** 2
                self._errors.append(ShadowPair(symbol, pair.start_ms, *errors))
                found.append(self._errors[-1])
        return found

    def result(self) -> ShadowResult:
        """The verdict so far."""
        rules, n = self._rules, len(self._errors)
        if n == 0:
            return ShadowResult("wait", f"forecasts 0<{rules.fewest_forecasts}", 0, 0, 0.0, 0.0, 0.0)
        _, start, own, other = (np.array(column) for column in zip(*self._errors, strict=True))
        block = time_blocks(start, self._horizon_ms)
        blocks, t = len(np.unique(block)), clustered_mean_t(own - other, block)
        verdict, reason = "promote", f"advantage_t {t:.1f}>={rules.worse_t:.1f}"
        if t < rules.worse_t:
            verdict, reason = "dismiss", f"advantage_t {t:.1f}<{rules.worse_t:.1f}"
        if blocks < rules.fewest_blocks:
            verdict, reason = "wait", f"blocks {blocks}<{rules.fewest_blocks}"
        if n < rules.fewest_forecasts:
            verdict, reason = "wait", f"forecasts {n}<{rules.fewest_forecasts}"
        return ShadowResult(verdict, reason, n, blocks, float(own.mean()), float(other.mean()), t)
