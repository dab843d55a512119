"""Cross-asset and funding groups: aligned by time, the same in both drivers, equal to their formulas."""

import math
from typing import Any

import numpy as np
import pytest

from tests.unit.features.candles import Array, Candles, random_candles, recorded_candles
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured
from trader.domain.observation import Observation
from trader.features import WARM_UP, FeatureStream, column_names, compute_matrix

LEADER = ("leader",)
NAMES = column_names(groups=LEADER)
FROM = len(column_names())


def follow(leading: Candles, seed: int) -> Candles:
    """Candles that move 1.5 times with the leader's and on their own."""
    own = random_candles(len(leading.close), seed=seed)
    factor = (leading.close / leading.close[0]) ** 1.5
    prices = [np.asarray(column * factor) for column in own[1:5]]
    high = np.maximum.reduce(prices)
    low = np.minimum.reduce(prices)
    return Candles(leading.open_ms, prices[0], high, low, prices[3], own.volume)


def with_leader(own: Candles, leading: Candles, timeframe: str = "1m") -> Array:
    return compute_matrix(*own, timeframe, leader=CandleArrays(*leading))


def references(own: Candles, leading: Candles) -> dict[str, float]:
    """The leader's columns at the last candle, from their formulas."""
    r, s = np.diff(np.log(own.close)), np.diff(np.log(leading.close))
    q = own.close / leading.close
    beta = {n: np.cov(r[-n:], s[-n:])[0, 1] / s[-n:].var(ddof=1) for n in (60, 240)}
    return {
        **{f"leader_return_{n}": s[-n:].sum() for n in (1, 5, 15, 60)},
        **{f"relative_return_{n}": (r - s)[-n:].sum() for n in (5, 15, 60, 240)},
        **{f"beta_{n}": beta[n] for n in (60, 240)},
        **{f"correlation_{n}": np.corrcoef(r[-n:], s[-n:])[0, 1] for n in (60, 240)},
        "residual_15": r[-15:].sum() - beta[240] * s[-15:].sum(),
        **{f"ratio_z_{n}": (q[-1] - q[-n:].mean()) / q[-n:].std(ddof=1) for n in (60, 240)},
        "leader_lead_60": np.corrcoef(r[-60:], s[-61:-1])[0, 1],
        "vol_to_leader_60": r[-60:].std() / s[-60:].std(),
        "leader_volume_ratio": leading.volume[-1] / leading.volume[-20:].mean(),
    }


def test_leader_columns_equal_their_formulas() -> None:
    leading = random_candles(2_400, seed=5)
    own = follow(leading, 6)
    matrix = with_leader(own, leading)
    for i in (2_000, 2_111, 2_399):
        expected = references(own.part(None, i + 1), leading.part(None, i + 1))
        assert set(expected) == set(NAMES[FROM:])
        found = {name: matrix[i, NAMES.index(name)] for name in expected}
        assert found == pytest.approx(expected, rel=1e-8, abs=1e-10)


def test_without_a_leader_its_columns_are_absent_and_the_others_do_not_change() -> None:
    leading = random_candles(2_100, seed=5)
    own = follow(leading, 6)
    alone = own.matrix("1m")
    assert alone.shape[1] == FROM
    assert np.array_equal(alone[WARM_UP:], with_leader(own, leading)[WARM_UP:, :FROM])


def test_the_leader_against_itself_is_neutral() -> None:
    leading = random_candles(2_100, seed=5)
    row = dict(zip(NAMES, with_leader(leading, leading)[-1], strict=True))
    assert (row["beta_60"], row["relative_return_60"], row["vol_to_leader_60"]) == (1.0, 0.0, 1.0)
    assert row["correlation_240"] == pytest.approx(1.0)


def streamed(own: Candles, leading: Candles, timeframe: str) -> Array:
    at = {opened: i for i, opened in enumerate(leading.open_ms.tolist())}
    stream = FeatureStream(timeframe, LEADER)
    rows = []
    for values in zip(*(column.tolist() for column in own), strict=True):
        i = at.get(values[0])
        leader = None if i is None else (float(leading.close[i]), float(leading.volume[i]))
        row = stream.update(*values, leader=leader)
        if row is not None:
            rows.append(row)
    return np.array(rows)


def test_stream_equals_batch_with_holes_on_both_sides() -> None:
    leading = random_candles(2_500, seed=5)
    own = follow(leading, 6)
    keep_own = np.r_[0:2_200, 2_204:2_500]
    keep_leading = np.r_[0:2_050, 2_060:2_201, 2_203:2_500]
    own, leading = Candles(*(c[keep_own] for c in own)), Candles(*(c[keep_leading] for c in leading))
    batch = with_leader(own, leading)[WARM_UP:]
    assert np.array_equal(streamed(own, leading, "1m"), batch)
    assert np.isfinite(batch).all()


@pytest.mark.recorded
@pytest.mark.parametrize("symbol", ["ETHUSDT", "SOLUSDT", "ZECUSDT"])
def test_stream_equals_batch_on_recorded_candles(symbol: str) -> None:
    own, leading = recorded_candles(f"binance/{symbol}-5m", 3_000), recorded_candles("binance/BTCUSDT-5m", 3_000)
    batch = with_leader(own, leading, "5m")[WARM_UP:]
    assert np.array_equal(streamed(own, leading, "5m"), batch)
    assert 0.2 < np.median(batch[:, NAMES.index("correlation_240")]) < 1.0  # these markets move together


def test_the_leaders_future_is_not_seen() -> None:
    leading = random_candles(2_400, seed=5)
    own = follow(leading, 6)
    other = random_candles(2_400, seed=7)
    start = 2_200
    changed = Candles(*(np.concatenate((a[:start], b[start:])) for a, b in zip(leading, other, strict=True)))
    before, after = with_leader(own, leading), with_leader(own, changed)
    assert np.array_equal(before[WARM_UP:start], after[WARM_UP:start])
    assert not np.array_equal(before[start:, FROM:], after[start:, FROM:])


def test_the_start_of_either_series_is_forgotten_once_the_columns_are_there() -> None:
    leading = random_candles(2_700, seed=5)
    own = follow(leading, 6)
    whole, late = with_leader(own, leading), with_leader(own.part(300), leading.part(377))
    assert np.array_equal(whole[2_300:, FROM:], late[2_000:, FROM:])


def test_a_restored_stream_knows_the_leader() -> None:
    leading = random_candles(2_100, seed=5)
    own = follow(leading, 6)
    first, rows = FeatureStream("1m", LEADER), []
    for i, values in enumerate(zip(*(column.tolist() for column in own), strict=True)):
        if i in (1_500, 2_050):
            saved, first = first.snapshot(), FeatureStream("1m", LEADER)
            first.restore(saved)
        rows.append(first.update(*values, leader=(float(leading.close[i]), float(leading.volume[i]))))
    assert np.array_equal(np.array(rows[WARM_UP:]), with_leader(own, leading)[WARM_UP:])


def test_leader_columns_have_no_scale() -> None:
    leading = random_candles(2_300, seed=5)
    own = follow(leading, 6)
    scaled = with_leader(own.scaled(1024.0, 0.5), leading.scaled(2.0**-7, 4096.0))
    assert np.array_equal(with_leader(own, leading)[WARM_UP:, FROM:], scaled[WARM_UP:, FROM:])


def test_a_young_leader_is_not_available_at_first() -> None:
    leading = random_candles(2_600, seed=5)
    matrix = with_leader(follow(leading, 6), leading.part(2_100))
    assert np.isnan(matrix[2_100:2_340, FROM:]).all()
    assert np.isfinite(matrix[2_340:]).all()


def test_what_a_leader_cannot_be() -> None:
    leading = random_candles(50)
    leading.close[20] = -1.0
    with pytest.raises(ValueError, match=r"row 20 .*leader's candle"):
        with_leader(random_candles(50), leading)
    leading.close[20] = np.inf
    with pytest.raises(ValueError, match=r"row 20 .*or infinite"):
        with_leader(random_candles(50), leading)
    leading.open_ms[20] = leading.open_ms[19]
    with pytest.raises(ValueError, match=r"leader's candle in row 20 opens no later"):
        with_leader(random_candles(50), leading)
    with pytest.raises(ValueError, match="no group leader"):
        FeatureStream("1m").update(0, 1.0, 1.0, 1.0, 1.0, 1.0, leader=(1.0, 1.0))
    with pytest.raises(Misconfigured, match="moon do not exist; allowed: leader"):
        FeatureStream("1m", ("moon",))


# --- funding ----------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000
FUNDING = column_names(groups=("funding",))[FROM:]


def told(known_ms: int, rate: float) -> Observation:
    return Observation("funding", "", known_ms - 300_000, known_ms, rate)


def with_funding(candles: Candles, timeframe: str, settled: list[Observation]) -> Array:
    return compute_matrix(*candles, timeframe, told={"funding": settled})


def funding_of(candles: Candles, seed: int = 3) -> list[Observation]:
    """Every eight hours from a week before the first candle on."""
    first = int(candles.open_ms[0]) // (8 * HOUR_MS) - 21
    known = np.arange(first, int(candles.open_ms[-1]) // (8 * HOUR_MS) + 1) * 8 * HOUR_MS
    rates = np.random.default_rng(seed).normal(1e-4, 1e-4, len(known))
    return [told(*one) for one in zip(known.tolist(), rates.tolist(), strict=True)]


def test_funding_is_joined_by_the_time_it_was_known() -> None:
    candles = random_candles(2_700, timeframe="5m")
    funding = funding_of(candles)
    matrix = with_funding(candles, "5m", funding)[:, FROM:]
    rates, known_ms = (np.array([getattr(one, name) for one in funding]) for name in ("value", "known_ms"))
    for i in range(WARM_UP, 2_700):
        close_ms = int(candles.open_ms[i]) + 300_000
        known = rates[known_ms <= close_ms]
        age = min(48.0, (close_ms - known_ms[known_ms <= close_ms][-1]) / HOUR_MS)
        expected = (known[-1], known[-1] - known[-2], known[-9:].mean(), age)
        assert matrix[i].tolist() == pytest.approx(expected, rel=1e-12)


def test_funding_streams_as_it_batches() -> None:
    candles = random_candles(2_700, timeframe="5m")
    funding = funding_of(candles)
    batch = with_funding(candles, "5m", funding)
    stream, rows = FeatureStream("5m", ("funding",)), []
    events = list(funding)
    for values in zip(*(column.tolist() for column in candles), strict=True):
        while events and events[0].known_ms <= values[0] + 2 * HOUR_MS:  # told early: must not be seen early
            stream.learn(events.pop(0))
        saved = stream.snapshot()
        stream = FeatureStream("5m", ("funding",))
        stream.restore(saved)
        rows.append(stream.update(*values))
    assert np.array_equal(np.array(rows[WARM_UP:]), batch[WARM_UP:])


def test_funding_is_not_available_before_nine_rates() -> None:
    candles = random_candles(2_100)
    few = [told(opened, 1e-4) for opened in candles.open_ms[:8].tolist()]
    assert np.isnan(with_funding(candles, "1m", few)[:, FROM:]).all()
    enough = [*few, told(int(candles.open_ms[8]), 1e-4)]
    assert np.isfinite(with_funding(candles, "1m", enough)[WARM_UP:, FROM:]).all()


def test_what_funding_cannot_be() -> None:
    candles = random_candles(10)
    with pytest.raises(ValueError, match="funding known at 1 comes after one known at 2"):
        with_funding(candles, "1m", [told(2, 0.0), told(1, 0.0)])
    with pytest.raises(ValueError, match="funding known at 2 is not finite"):
        with_funding(candles, "1m", [told(1, 0.1), told(2, np.inf)])
    stream = FeatureStream("1m", ("funding",))
    with pytest.raises(ValueError, match="not finite"):
        stream.learn(told(5, np.nan))
    stream.learn(told(5, 0.1))
    with pytest.raises(ValueError, match="comes after"):
        stream.learn(told(4, 0.1))
    with pytest.raises(ValueError, match="no group that is made from funding"):
        FeatureStream("1m").learn(told(5, 0.1))


@pytest.mark.recorded
def test_recorded_funding_stays_in_range() -> None:
    import os
    from pathlib import Path

    import pyarrow.parquet as pq

    candles = recorded_candles("binance_usdm/BTCUSDT-5m", 10_000)
    table: Any = pq.read_table(
        Path(os.environ["TRADER_DATA"]) / "funding/binance_usdm/BTCUSDT-funding_8h.parquet"
    ).to_pandas()
    known = table["timestamp"].to_numpy().astype("datetime64[ms]").astype(np.int64)
    settled = [told(*one) for one in zip(known.tolist(), table["funding_rate"].tolist(), strict=True)]
    rows = with_funding(candles, "5m", settled)[WARM_UP:, FROM:]
    assert np.isfinite(rows).all()
    assert rows[:, FUNDING.index("funding_age_h")].max() <= 8.0
    assert math.isclose(rows[:, 0].mean(), 1e-4, rel_tol=1.0)
