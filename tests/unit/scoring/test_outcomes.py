"""Promises followed live end exactly as training would have labelled them."""

import numpy as np
import pytest

from trader.config.risk import AtTarget, RiskSettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.market import Candle
from trader.risk.stops import Barriers
from trader.scoring.outcomes import Kept, Promise, Promises
from trader.training.labels import Distances, barrier_outcome

MINUTE = 60_000
HORIZON = 8


def history(n: int, seed: int) -> CandleArrays:
    rng = np.random.default_rng(seed)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    opens = np.concatenate(([100.0], close[:-1])) * np.exp(rng.normal(0, 0.003, n))
    high, low = np.maximum(opens, close) * 1.004, np.minimum(opens, close) * 0.996
    return CandleArrays(np.arange(n) * MINUTE, opens, high, low, close, np.ones(n))


def candle(made: CandleArrays, i: int) -> Candle:
    open_ms = int(made.open_ms[i])
    opened, high, low, close, volume = (float(column[i]) for column in made[1:])
    return Candle("A", open_ms, open_ms + MINUTE, opened, high, low, close, volume)


RISK = RiskSettings(losing_time_exit_h=0.1)
BARRIERS = Barriers(0.03, 0.006, 0.018)


def promise(one: Candle, side: int, cost: float) -> Promise:
    return Promise("A", one.close_ms, one.close_ms + HORIZON * MINUTE, one.close, side, BARRIERS, cost, 0.5)


def make(promises: Promises, one: Promise) -> None:
    promises.made(one, RISK, MINUTE)


@pytest.mark.parametrize("side", [1, -1])
def test_they_end_as_training_labels_them(side: int) -> None:
    made, cost = history(400, 3), 0.002
    n = len(made.close)
    distances = Distances(*(np.full(n, each) for each in BARRIERS))
    wanted = barrier_outcome(made, distances, HORIZON, cost, RISK, side=side)
    promises, found = Promises(), dict[int, bool]()
    for i in range(n):
        one = candle(made, i)
        found |= {kept.start_ms: kept.won for kept in promises.closed(one)}
        make(promises, promise(one, side, cost))
    known = np.flatnonzero(np.isfinite(wanted.net))
    assert [found[(int(i) + 1) * MINUTE] for i in known] == (wanted.net[known] > 0).tolist()
    assert len(promises) == n - len(found)


def test_one_that_missed_its_last_candle_is_dropped() -> None:
    made, promises = history(30, 1), Promises()
    first = candle(made, 0)
    make(promises, promise(first, 1, 0.0)._replace(barriers=Barriers(0.9, 0.9, 0.9)))
    assert promises.closed(candle(made, HORIZON + 2)) == []
    assert len(promises) == 0


def test_a_candle_from_before_decides_nothing() -> None:
    made, promises = history(30, 1), Promises()
    make(promises, promise(candle(made, 5), 1, 0.0))
    assert promises.closed(candle(made, 5)) == []
    assert len(promises) == 1


def test_what_ends_keeps_what_was_said() -> None:
    made, promises = history(30, 1), Promises()
    one = candle(made, 0)
    closing = RiskSettings(at_target=AtTarget.CLOSE)
    promises.made(promise(one, 1, 0.0)._replace(barriers=Barriers(0.9, 0.9, 1e-9)), closing, MINUTE)
    assert promises.closed(candle(made, 1)) == [Kept("A", one.close_ms, one.close_ms + HORIZON * MINUTE, 0.5, True)]
