"""Longer candles: exactly the closed short ones inside them, whole buckets only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.domain.market import Candle
from trader.market.resample import Resampler, resample

MINUTE = 60_000
QUARTER = 15 * MINUTE
T0 = QUARTER * 1_888_888


def minute(index: int, price: float = 10.0, volume: float = 1.0, *, is_gap: bool = False) -> Candle:
    open_ms = T0 + index * MINUTE
    return Candle("X", open_ms, open_ms + MINUTE, price, price + 1, price - 1, price + 0.5, volume, is_gap)


def test_a_bucket_is_its_first_open_last_close_extremes_and_sum() -> None:
    longer = resample([minute(index, 10.0 + index, 0.5) for index in range(15)], MINUTE, QUARTER)
    assert longer == [Candle("X", T0, T0 + QUARTER, 10.0, 25.0, 9.0, 24.5, 7.5)]


def test_only_a_bucket_without_any_trade_is_a_gap() -> None:
    gaps = [minute(index, is_gap=True) for index in range(15)]
    assert resample(gaps, MINUTE, QUARTER)[0].is_gap
    assert not resample([*gaps[:-1], minute(14)], MINUTE, QUARTER)[0].is_gap


@given(start=st.integers(0, 40), count=st.integers(0, 80))
def test_stream_and_batch_agree_and_no_partial_bucket_comes_out(start: int, count: int) -> None:
    history = [minute(index, 10.0 + index % 7) for index in range(start, start + count)]
    resampler = Resampler(MINUTE, QUARTER)
    streamed = [longer for candle in history if (longer := resampler.update(candle))]
    assert streamed == resample(history, MINUTE, QUARTER)
    whole = [bucket for bucket in range(10) if start <= bucket * 15 and (bucket + 1) * 15 <= start + count]
    assert [(longer.open_ms - T0) // QUARTER for longer in streamed] == whole


def test_a_hole_and_a_wrong_length_are_refused() -> None:
    resampler = Resampler(MINUTE, QUARTER)
    resampler.update(minute(0))
    with pytest.raises(ValueError, match="does not follow"):
        resampler.update(minute(2))
    with pytest.raises(ValueError, match="not 60000"):
        resampler.update(Candle("X", T0, T0 + QUARTER, 1, 1, 1, 1, 1))
    for target in (MINUTE, MINUTE // 2, MINUTE + 1):
        with pytest.raises(ValueError, match="larger multiple"):
            Resampler(MINUTE, target)
