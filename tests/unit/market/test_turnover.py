"""Quote volume of a day, from candles as they close."""

import pytest

from trader.domain.market import Candle
from trader.market.turnover import Turnover

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000


def after(*volumes: float, close: float = 2.0) -> Turnover:
    """What is known after hourly candles of these base volumes."""
    known = Turnover()
    for number, volume in enumerate(volumes):
        open_ms = START_MS + number * HOUR_MS
        known.add(Candle("BTC/USDT", open_ms, open_ms + HOUR_MS, close, close, close, close, volume))
    return known


def test_a_day_is_the_sum_of_its_candles_in_quote() -> None:
    assert after(*[10.0] * 24).day_quote == pytest.approx(24 * 10 * 2)


def test_what_is_older_than_a_day_counts_no_more() -> None:
    assert after(1_000.0, *[10.0] * 24).day_quote == pytest.approx(480)


def test_less_than_a_day_is_scaled_up_from_a_quarter_on() -> None:
    assert after(*[10.0] * 5).day_quote is None
    assert after(*[10.0] * 6).day_quote == pytest.approx(480)
    assert after(*[10.0] * 12).day_quote == pytest.approx(480)


def test_nothing_known_is_nothing_said() -> None:
    assert Turnover().day_quote is None


def test_a_candle_told_twice_counts_once() -> None:
    known = after(*[10.0] * 24)
    last = START_MS + 23 * HOUR_MS
    known.add(Candle("BTC/USDT", last, last + HOUR_MS, 2.0, 2.0, 2.0, 2.0, 99.0))
    assert known.day_quote == pytest.approx(480)
