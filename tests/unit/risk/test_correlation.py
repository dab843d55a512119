"""Which symbols count as one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from trader.risk.correlation import Correlations, correlated_exposure, rolling_correlations

RANDOM = np.random.default_rng(1)


Closes = list[tuple[int, float]]


def prices(returns: NDArray[np.float64], *, first_ms: int = 0) -> Closes:
    """One-minute candles, oldest first."""
    return [(first_ms + 60_000 * i, float(close)) for i, close in enumerate(100 * np.exp(np.cumsum(returns)))]


def test_measured_correlation_equals_numpy() -> None:
    common, own = RANDOM.normal(0, 0.01, 300), RANDOM.normal(0, 0.005, (2, 300))
    closes = {"A/USDT": prices(common + own[0]), "B/USDT": prices(common + own[1])}
    newest = [np.diff(np.log([close for _, close in series[-241:]])) for series in closes.values()]
    expected = np.corrcoef(newest)[0, 1]
    measured = rolling_correlations(closes, 240)
    assert measured.of("A/USDT", "B/USDT") == pytest.approx(expected, rel=1e-12)
    assert measured.of("B/USDT", "A/USDT") == measured.of("A/USDT", "B/USDT")
    assert measured.of("A/USDT", "A/USDT") == 1.0


def test_series_of_different_length_share_their_newest_part() -> None:
    common = prices(RANDOM.normal(0, 0.01, 300))
    assert rolling_correlations({"A/USDT": common, "B/USDT": common[-50:]}, 240).of("A/USDT", "B/USDT") > 0.999


@pytest.mark.parametrize("missing", [slice(299, 300), slice(150, 151), slice(100, 120)], ids=["newest", "one", "many"])
def test_candles_are_compared_with_those_of_the_same_open_time(missing: slice) -> None:
    """One symbol lacks candles (the newest has not come yet, or there was none): what both have is compared."""
    common = prices(RANDOM.normal(0, 0.01, 300))
    holey = [candle for candle in common if candle not in common[missing]]
    for one, other in ((common, holey), (holey, common)):
        measured = rolling_correlations({"A/USDT": one, "B/USDT": other}, 240).pairs
        assert measured[("A/USDT", "B/USDT")] == pytest.approx(1.0)


@pytest.mark.parametrize(("candles", "is_measured"), [(30, False), (31, True)])
def test_thirty_common_returns_are_enough(candles: int, is_measured: bool) -> None:
    long, short = prices(RANDOM.normal(0, 0.01, 300)), prices(RANDOM.normal(0, 0.01, 300))
    measured = rolling_correlations({"A/USDT": long, "B/USDT": short[-candles:]}, 240)
    assert (("A/USDT", "B/USDT") in measured.pairs) is is_measured


@pytest.mark.parametrize(
    ("one", "other", "correlation"),
    [
        ("BTC/USDT", "ETH/USDT", 1.0),
        ("BNB/USDT", "BTC/USDT", 1.0),
        ("ETH/USDT", "LINK/USDT", 1.0),
        ("BTC/USDT", "BTC/USDT:USDT", 1.0),
        ("BNB/USDT", "ETH/USDT", 0.0),
        ("SOL/USDT", "XRP/USDT", 0.0),
    ],
)
def test_without_data_the_static_groups_hold(one: str, other: str, correlation: float) -> None:
    flat = [(60_000 * i, 100.0) for i in range(300)]
    unknown = [(open_ms, float("nan")) for open_ms, _ in flat]
    rows: list[dict[str, Closes]] = [{}, {one: flat[:10], other: flat[:10]}, {one: flat, other: unknown}]
    for closes in rows:
        assert rolling_correlations(closes, 240).of(one, other) == correlation


@pytest.mark.parametrize("scale", [1.0, 0.001])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_what_moves_exactly_alike_or_exactly_against_each_other(sign: float, scale: float) -> None:
    """Also where a coin is worth less than one. Never beyond 1, whatever the rounding."""
    for seed in range(20):
        returns = np.random.default_rng(seed).normal(0, 0.01, 100)
        closes = {
            "A/USDT": [(at, scale * close) for at, close in prices(returns)],
            "B/USDT": prices(sign * returns),
        }
        [measured] = rolling_correlations(closes, 240).pairs.values()
        assert measured == pytest.approx(sign, abs=1e-12)
        assert abs(measured) <= 1.0


def test_a_coin_that_does_not_move_is_measured_against_nothing() -> None:
    moving, flat = prices(RANDOM.normal(0, 0.01, 100)), [(60_000 * i, 100.0) for i in range(100)]
    steady = prices(np.full(100, 0.01))  # the same return every time: no spread but rounding
    assert rolling_correlations({"A/USDT": moving, "B/USDT": flat, "C/USDT": steady}, 240).pairs == {}
    assert rolling_correlations({}, 240).pairs == {}


def test_what_grows_steadily_but_for_rounding_is_measured_against_nothing() -> None:
    moving, steady = prices(RANDOM.normal(0, 0.01, 100)), prices(0.01 + RANDOM.normal(0, 1e-9, 100))
    assert rolling_correlations({"A/USDT": moving, "B/USDT": steady}, 240).pairs == {}


def test_a_price_of_nothing_is_no_price() -> None:
    common = prices(RANDOM.normal(0, 0.01, 100))
    broken = [*common[:50], (common[50][0], 0.0), *common[51:]]
    assert rolling_correlations({"A/USDT": common, "B/USDT": broken}, 240).of("A/USDT", "B/USDT") == pytest.approx(1.0)


def test_gross_exposure_of_everything_correlated_and_itself() -> None:
    correlations = Correlations(
        {("A/USDT", "B/USDT"): 0.8, ("A/USDT", "C/USDT"): 0.6, ("A/USDT", "D/USDT"): -0.9, ("A/USDT", "F/USDT"): 0.7}
    )
    exposures = {"A/USDT": 100.0, "B/USDT": -50.0, "C/USDT": 1000.0, "D/USDT": 1000.0, "F/USDT": 1000.0}
    assert correlated_exposure("A/USDT", exposures, correlations, 0.7) == 150.0
    assert correlated_exposure("E/USDT", exposures, correlations, 0.7) == 0.0


# --- betas ---------------------------------------------------------------------------------------------------


def test_a_beta_is_the_slope_of_returns_on_the_leaders() -> None:
    leader, own = RANDOM.normal(0, 0.01, 300), RANDOM.normal(0, 0.005, 300)
    closes = {"BTC/USDT": prices(leader), "ETH/USDT": prices(1.7 * leader + own), "XRP/USDT": prices(-leader)}
    newest = {symbol: np.diff(np.log([close for _, close in series[-241:]])) for symbol, series in closes.items()}
    expected = np.polyfit(newest["BTC/USDT"], newest["ETH/USDT"], 1)[0]
    measured = rolling_correlations(closes, 240, "BTC/USDT").betas
    assert measured["ETH/USDT"] == pytest.approx(expected, rel=1e-9)
    assert measured["BTC/USDT"] == pytest.approx(1.0, rel=1e-12)
    assert measured["XRP/USDT"] == pytest.approx(-1.0, rel=1e-9)


def test_a_beta_is_measured_on_candles_that_both_have() -> None:
    """The leader's newest candle comes first; the other's is one behind and lacks some."""
    returns = RANDOM.normal(0, 0.01, 300)
    other = prices(2 * returns)
    holey = [candle for at, candle in enumerate(other) if at not in (150, 151, 299)]
    measured = rolling_correlations({"BTC/USDT": prices(returns), "ETH/USDT": holey}, 240, "BTC/USDT").betas
    assert measured["ETH/USDT"] == pytest.approx(2.0)


@pytest.mark.parametrize(("candles", "is_measured"), [(30, False), (31, True)])
def test_thirty_common_returns_are_enough_for_a_beta(candles: int, is_measured: bool) -> None:
    leader, short = prices(RANDOM.normal(0, 0.01, 300)), prices(RANDOM.normal(0, 0.01, 300))
    measured = rolling_correlations({"BTC/USDT": leader, "ETH/USDT": short[-candles:]}, 240, "BTC/USDT").betas
    assert measured.keys() == ({"BTC/USDT", "ETH/USDT"} if is_measured else {"BTC/USDT"})


def test_what_does_not_move_has_no_beta_to_speak_of_and_gives_none() -> None:
    moving, flat = prices(RANDOM.normal(0, 0.01, 100)), [(60_000 * i, 100.0) for i in range(100)]
    closes = {"BTC/USDT": moving, "ETH/USDT": flat}
    assert rolling_correlations(closes, 240, "BTC/USDT").betas == {"BTC/USDT": pytest.approx(1.0), "ETH/USDT": 0.0}
    assert rolling_correlations(closes, 240, "ETH/USDT").betas == {}
    assert rolling_correlations(closes, 240, "SOL/USDT").betas == {}
    assert rolling_correlations(closes, 240).betas == {}
