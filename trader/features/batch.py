"""The batch driver: whole histories at once, for training, backtest and warm-up."""

from collections.abc import Iterable, Mapping

import numpy as np

from trader.domain.candle_arrays import CandleArrays, Floats, Times
from trader.domain.market import timeframe_ms
from trader.features.catalogue import check_higher
from trader.features.groups.group import Event, Told
from trader.features.groups.registry import made
from trader.features.step import FINE, REFUSALS, ROW_WIDTH, as_rows, new_state, places, run

NOTHING: Mapping[str, Iterable[Event]] = {}


def compute_matrix(
    open_time_ms: Times,
    open: Floats,
    high: Floats,
    low: Floats,
    close: Floats,
    volume: Floats,
    timeframe: str,
    *,
    higher_timeframes: tuple[str, ...] | None = None,
    leader: CandleArrays | None = None,
    told: Mapping[str, Iterable[Event]] = NOTHING,
) -> Floats:
    """All columns of one symbol's candles, oldest first. `told`: group -> what it is made from, in order.

    The inputs have shape (n,); the result (n, n_columns) in the order of `COLUMNS` (then those of the groups that
    were given), NaN in the rows of the warm-up. Missing candles are stepped through as flat ones without volume and
    have no row. Raises ValueError, naming row and reason, for candles that cannot be.
    """
    # a read-only array is another type to numba: it would compile the whole step once more
    opened = np.require(open_time_ms, np.int64, ["C", "W"])
    candles = np.column_stack((open, high, low, close, volume)).astype(np.float64, copy=False)
    if opened.shape != (len(candles),):
        raise ValueError(
            f"open_time_ms has shape {opened.shape}, the candles {candles.shape}; all must have one length"
        )
    leading = np.empty((0, 2)) if leader is None else _aligned(leader, opened)
    matrix = np.full((len(candles), ROW_WIDTH), np.nan)
    state = new_state(timeframe, higher_timeframes)
    taken, reason = run(state, opened, candles, leading, as_rows(matrix))
    if reason != FINE:
        raise ValueError(f"candle in row {taken} (open time {opened[taken]}, {candles[taken]}) {REFUSALS[reason]}")
    frames = len(check_higher(timeframe, higher_timeframes))
    parts = [matrix[:, places(frames, has_leader=leader is not None)]]
    for group, how in made(Told, told):
        rows = how.matrix(told[group.name], opened, timeframe_ms(timeframe))
        rows[: _rows_of_warm_up(opened, state)] = np.nan
        parts.append(rows)
    return np.hstack(parts) if len(parts) > 1 else parts[0]


def _rows_of_warm_up(opened: Times, state: np.ndarray) -> int:
    """How many rows belong to the warm-up, which counts missing candles too."""
    if len(opened) == 0:
        return 0
    return int(np.searchsorted(opened, opened[0] + state["warm_up"][0] * state["base_ms"][0]))


def _aligned(leader: CandleArrays, opened: Times) -> Floats:
    """(n, 2): close and volume of the leader's candle with the same open time, NaN where it has none."""
    result = np.full((len(opened), 2), np.nan)
    if np.any(np.diff(leader.open_ms) <= 0):
        row = int(np.argmax(np.diff(leader.open_ms) <= 0)) + 1
        raise ValueError(f"the leader's candle in row {row} opens no later than the one before")
    if len(leader.open_ms) == 0:
        return result
    at = np.minimum(np.searchsorted(leader.open_ms, opened), len(leader.open_ms) - 1)
    has = leader.open_ms[at] == opened
    result[has, 0] = leader.close[at[has]]
    result[has, 1] = leader.volume[at[has]]
    return result
