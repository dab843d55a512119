"""The compiled step: one candle in, one row out. Batch and stream both call `run`, so they cannot differ."""

from math import isfinite

import numpy as np
from numpy.typing import NDArray

from trader.domain.market import timeframe_ms
from trader.domain.units import YEAR_MS
from trader.features.catalogue import check_higher, warm_up
from trader.features.compiled import Record, entry_point, kernel
from trader.features.families import (
    averages,
    calendar_time,
    candlesticks,
    dependence,
    higher,
    microstructure,
    momentum,
    price_action,
    statistics,
    trend,
    variance,
    volatility,
    volume,
    volume_profile,
)
from trader.features.groups import leader
from trader.features.history import HISTORY, remember

MAX_GAP = 5_000
"""Missing candles in a row that are filled flat; after a longer hole a series has to start anew."""

STATE = np.dtype(
    [
        ("base_ms", np.int64),
        ("warm_up", np.int64),
        ("history", HISTORY),
        ("momentum", momentum.MOMENTUM),
        ("averages", averages.AVERAGES),
        ("volatility", volatility.VOLATILITY),
        ("variance", variance.VARIANCE),
        ("volume", volume.VOLUME),
        ("profile", volume_profile.PROFILE),
        ("trend", trend.TREND),
        ("near", higher.HIGHER),
        ("far", higher.HIGHER),
        ("microstructure", microstructure.MICROSTRUCTURE),
        ("statistics", statistics.STATISTICS),
        ("dependence", dependence.DEPENDENCE),
        ("leader", leader.LEADER),
        ("third", higher.HIGHER),  # for who has more than the usual two
        ("fourth", higher.HIGHER),
    ]
)
"""Everything the pipeline remembers of one symbol."""

ROW = np.dtype(
    [
        ("price_action", price_action.COLUMNS.row),
        ("momentum", momentum.COLUMNS.row),
        ("averages", averages.COLUMNS.row),
        ("volatility", volatility.COLUMNS.row),
        ("variance", variance.COLUMNS.row),
        ("volume", volume.COLUMNS.row),
        ("profile", volume_profile.COLUMNS.row),
        ("trend", trend.COLUMNS.row),
        ("near", higher.COLUMNS.row),
        ("far", higher.COLUMNS.row),
        ("microstructure", microstructure.COLUMNS.row),
        ("statistics", statistics.COLUMNS.row),
        ("dependence", dependence.COLUMNS.row),
        ("candlesticks", candlesticks.COLUMNS.row),
        ("time", calendar_time.COLUMNS.row),
        ("leader", leader.COLUMNS.row),
        ("third", higher.COLUMNS.row),
        ("fourth", higher.COLUMNS.row),
    ]
)
"""One row of everything that may be asked for, the same memory as ROW_WIDTH float64; `places` says what is where."""

ROW_WIDTH = ROW.itemsize // 8

_FRAMES = ("near", "far", "third", "fourth")  # the higher timeframes in the order they are named

# what `run` answers
FINE, NOT_LATER, OFF_GRID, LONG_GAP, NOT_FINITE, NOT_POSITIVE, NEGATIVE_VOLUME, NOT_INSIDE, BAD_LEADER = range(9)

REFUSALS = {
    NOT_LATER: "opens no later than the candle before",
    OFF_GRID: "does not open a whole number of candles after the one before",
    LONG_GAP: f"follows a hole of more than {MAX_GAP} candles; start a new series there",
    NOT_FINITE: "has a value that is not finite",
    NOT_POSITIVE: "has a price that is not above 0",
    NEGATIVE_VOLUME: "has a negative volume",
    NOT_INSIDE: "breaks low <= open, close <= high",
    BAD_LEADER: "comes with a leader's candle that cannot be: close not above 0, volume below 0, or infinite",
}


def new_state(timeframe: str, higher_timeframes: tuple[str, ...] | None) -> np.ndarray:
    """A state of shape (1,) before the first candle."""
    frames = check_higher(timeframe, higher_timeframes)
    state = np.zeros(1, STATE)
    state["base_ms"] = timeframe_ms(timeframe)
    state["warm_up"] = warm_up(timeframe, frames)
    state["variance"]["candles_per_year"] = YEAR_MS / timeframe_ms(timeframe)
    for period, days in (("day_keep", 1), ("month_keep", 30)):
        state["variance"][period] = variance.keep_share(timeframe_ms(timeframe), days)
    for field, frame in zip(_FRAMES, frames, strict=False):
        state[field]["period_ms"] = timeframe_ms(frame)
    return state


def places(frames: int, *, has_leader: bool) -> slice | NDArray[np.intp]:
    """Where in a row of ROW the columns are, in catalogue order, with so many higher timeframes.

    With the usual two they are its beginning, and nothing is copied to read them.
    """
    fields: list[str] = []
    for field in ROW.names or ():
        if field == _FRAMES[0]:
            fields += _FRAMES[:frames]
        elif field not in _FRAMES and (has_leader or field != "leader"):
            fields.append(field)
    found = np.concatenate([_columns_of(field) for field in fields])
    return slice(0, len(found)) if np.array_equal(found, np.arange(len(found))) else found


def _columns_of(field: str) -> NDArray[np.intp]:
    fields = ROW.fields
    assert fields is not None
    kind, offset = fields[field][:2]
    return np.arange(offset // 8, (offset + kind.itemsize) // 8)


def as_rows(matrix: np.ndarray) -> np.ndarray:
    """The (n, ROW_WIDTH) float64 matrix seen as n records of ROW; the same memory."""
    return matrix.view(ROW)[:, 0]


@entry_point
def run(
    state: np.ndarray,
    open_ms: np.ndarray,
    candles: np.ndarray,
    leading: np.ndarray,
    rows: np.ndarray,
) -> tuple[int, int]:
    """Step through candles.

    `state` (1,) of STATE, changed in place; `open_ms` (n,) int64; `candles` (n, 5) float64 open, high, low, close,
    volume; `leading` (n, 2) close and volume of the leader's candles, NaN where it has none, or (0, 2) without a
    leader; `rows` (n,) of ROW, written where the warm-up has passed and left alone before. Returns (candles taken,
    reason): the candle at that position was refused for the reason, or all were taken and the reason is FINE.
    """
    one = state[0]
    for i in range(open_ms.shape[0]):
        reason = _refusal(one, open_ms[i], candles[i])
        lead_close, lead_volume = np.nan, np.nan
        if leading.shape[0] > 0:
            lead_close, lead_volume = leading[i]
        # NaN is no candle; infinities are refused
        if lead_close <= 0.0 or lead_volume < 0.0 or lead_close == np.inf or lead_volume == np.inf:
            reason = BAD_LEADER
        if reason != FINE:
            return i, reason
        _fill_gap(one, open_ms[i])
        open_, high, low, close, volume_ = candles[i]
        _advance(one, open_ms[i], open_, high, low, close, volume_)
        leader.advance(one.leader, one.history, lead_close, lead_volume)
        if one.history.count > one.warm_up:
            _write(one, rows[i])
            leader.write(one.leader, one.history, rows[i].leader)
    return open_ms.shape[0], FINE


@kernel
def _refusal(state: Record, open_ms: int, candle: np.ndarray) -> int:
    for value in candle:
        if not isfinite(value):
            return NOT_FINITE
    open_, high, low, close, volume = candle
    if low <= 0.0:
        return NOT_POSITIVE
    if volume < 0.0:
        return NEGATIVE_VOLUME
    if not (low <= open_ <= high and low <= close <= high):
        return NOT_INSIDE
    if state.history.count > 0:
        passed = open_ms - state.history.open_ms
        if passed <= 0:
            return NOT_LATER
        if passed % state.base_ms != 0:
            return OFF_GRID
        if passed // state.base_ms > MAX_GAP + 1:
            return LONG_GAP
    return FINE


@kernel
def _fill_gap(state: Record, open_ms: int) -> None:
    """Candles the exchange lacks are flat at the last close, without volume."""
    if state.history.count == 0:
        return
    close = state.history.close[state.history.end - 1]
    while state.history.open_ms + state.base_ms < open_ms:
        _advance(state, state.history.open_ms + state.base_ms, close, close, close, close, 0.0)
        leader.advance(state.leader, state.history, np.nan, np.nan)


@kernel
def _advance(state: Record, open_ms: int, open_: float, high: float, low: float, close: float, volume_: float) -> None:
    remember(state.history, open_ms, open_, high, low, close, volume_)
    momentum.advance(state.momentum, state.history)
    averages.advance(state.averages, state.history)
    volatility.advance(state.volatility, state.history)
    variance.advance(state.variance, state.history)
    volume.advance(state.volume, state.history)
    trend.advance(state.trend, state.history)
    microstructure.advance(state.microstructure, state.history)
    higher.advance(state.near, open_ms, state.base_ms, high, low, close)
    if state.far.period_ms > 0:
        higher.advance(state.far, open_ms, state.base_ms, high, low, close)
    if state.third.period_ms > 0:
        higher.advance(state.third, open_ms, state.base_ms, high, low, close)
    if state.fourth.period_ms > 0:
        higher.advance(state.fourth, open_ms, state.base_ms, high, low, close)


@kernel
def _write(state: Record, row: Record) -> None:
    history = state.history
    atr = state.volatility.atr_14
    close = history.close[history.end - 1]
    price_action.write(history, row.price_action)
    momentum.write(state.momentum, history, atr, row.momentum)
    averages.write(state.averages, history, atr, row.averages)
    volatility.write(state.volatility, history, row.volatility)
    variance.write(state.variance, history, row.variance)
    volume.write(state.volume, history, row.volume)
    volume_profile.write(state.profile, history, row.profile)
    trend.write(state.trend, history, row.trend)
    higher.write(state.near, close, row.near)
    if state.far.period_ms > 0:
        higher.write(state.far, close, row.far)
    if state.third.period_ms > 0:
        higher.write(state.third, close, row.third)
    if state.fourth.period_ms > 0:
        higher.write(state.fourth, close, row.fourth)
    microstructure.write(state.microstructure, history, row.microstructure)
    statistics.write(state.statistics, history, row.statistics)
    dependence.write(state.dependence, history, row.dependence)
    candlesticks.write(history, atr, row.candlesticks)
    calendar_time.write(history.open_ms, row.time)


def compile_kernels() -> None:
    """Compile everything, or load it from the cache. Safe to call again."""
    rows = as_rows(np.empty((0, ROW_WIDTH)))
    run(new_state("1m", None), np.empty(0, np.int64), np.empty((0, 5)), np.empty((0, 2)), rows)
