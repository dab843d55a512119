"""The ladder through one candle, worked by hand, and the same mirrored for a short."""

import pytest

from trader.config.risk import AtTarget, RiskSettings
from trader.risk.ladder import Climb, Entered, Rules, begin, old_after, rules_of, through_candle

RULES = Rules(partial_at_r=2.0, partial_frac=0.4, trail_frac=0.01, closes_at_target=False)
LONG = Entered(sign=1, price=100.0, width=0.05, r=0.02, target=106.0)  # 0.4 of it is sold at 104
SHORT = Entered(sign=-1, price=100.0, width=0.05, r=0.02, target=94.0)
TRAILING = Climb(0.6, 0.016, 105.93, 107.0, is_halved=True, is_trailing=True)
Candle = tuple[float, float, float, float]  # open, high, low, close


def after(
    candle: Candle,
    climb: Climb | None = None,
    *,
    entered: Entered = LONG,
    rules: Rules = RULES,
    was_old: bool = False,
    is_old: bool = False,
) -> list[float]:
    return list(through_candle(entered, climb or begin(entered), rules, *candle, was_old, is_old))


def is_climb(
    held: float, gross: float, stop: float, best: float, *, is_halved: bool = False, is_trailing: bool = False
) -> object:
    return pytest.approx([held, gross, stop, best, is_halved, is_trailing], abs=1e-12)


def mirrored(candle: Candle) -> Candle:
    """Each price as far on the other side of 100."""
    open_, high, low, close = candle
    return 200 - open_, 200 - low, 200 - high, 200 - close


@pytest.mark.parametrize(("entered", "stop"), [(LONG, 95.0), (SHORT, 105.0)])
def test_a_trade_begins_whole_with_its_stop_on_the_losing_side(entered: Entered, stop: float) -> None:
    assert list(begin(entered)) == is_climb(1.0, 0.0, stop, 100.0)


def test_the_stop_follows_a_close_at_its_width_and_never_back() -> None:
    assert after((100.0, 101.0, 99.0, 100.5)) == is_climb(1.0, 0.0, 95.475, 101.0)
    assert after((100.0, 101.0, 99.0, 99.0)) == is_climb(1.0, 0.0, 95.0, 101.0)
    assert after((100.0, 101.0, 99.0, 99.5), entered=SHORT) == is_climb(1.0, 0.0, 104.475, 99.0)
    assert after((100.0, 101.0, 99.0, 101.0), entered=SHORT) == is_climb(1.0, 0.0, 105.0, 99.0)


# What a long makes of a candle; a short makes the same of the mirrored one. `stop` and `best` are the long's.
CANDLES: list[tuple[Candle, tuple[float, float, float, float]]] = [
    ((100.0, 101.0, 94.0, 96.0), (0.0, -0.05, 95.0, 100.0)),  # stopped at the stop, and what came later is nothing
    ((93.0, 101.0, 92.0, 96.0), (0.0, -0.07, 95.0, 100.0)),  # beyond it at the open: sold there
    ((100.0, 101.0, 95.0, 96.0), (0.0, -0.05, 95.0, 100.0)),  # the stop itself is one
]
HALVED: list[tuple[Candle, tuple[float, float, float, float]]] = [
    ((101.0, 104.5, 100.5, 102.0), (0.6, 0.016, 100.0, 104.5)),  # 0.4 x 4 %, and the stop is at the entry
    ((101.0, 104.0, 100.5, 102.0), (0.6, 0.016, 100.0, 104.0)),  # at 104 itself
    ((105.0, 105.5, 104.1, 104.2), (0.6, 0.020, 100.0, 105.5)),  # open beyond it: 0.4 x 5 %
    ((101.0, 104.5, 99.5, 99.9), (0.0, 0.016, 100.0, 104.5)),  # the rest at its entry: the top is before the close
]


@pytest.mark.parametrize(("candle", "expected"), CANDLES)
def test_a_stop_is_sold_at_its_price_or_at_an_open_beyond(
    candle: Candle, expected: tuple[float, float, float, float]
) -> None:
    held, gross, stop, best = expected
    assert after(candle) == is_climb(held, gross, stop, best)
    assert after(mirrored(candle), entered=SHORT) == is_climb(held, gross, 200 - stop, 200 - best)


@pytest.mark.parametrize(("candle", "expected"), HALVED)
def test_a_part_is_sold_at_its_price_or_at_an_open_beyond(
    candle: Candle, expected: tuple[float, float, float, float]
) -> None:
    held, gross, stop, best = expected
    assert after(candle) == is_climb(held, gross, stop, best, is_halved=True)
    assert after(mirrored(candle), entered=SHORT) == is_climb(held, gross, 200 - stop, 200 - best, is_halved=True)


def test_the_part_is_one_of_what_is_held_and_adds_to_what_was_made() -> None:
    before = Climb(0.5, 0.01, 95.0, 100.0, is_halved=False, is_trailing=False)
    assert after((101.0, 104.5, 100.5, 102.0), before) == is_climb(0.3, 0.018, 100.0, 104.5, is_halved=True)


def test_from_the_target_on_the_stop_trails_the_best_price() -> None:
    """1 % below 107, and above 93."""
    up, down = (103.0, 107.0, 102.0, 106.5), (97.0, 98.0, 93.0, 93.5)
    assert after(up) == is_climb(0.6, 0.016, 105.93, 107.0, is_halved=True, is_trailing=True)
    assert after(down, entered=SHORT) == is_climb(0.6, 0.016, 93.93, 93.0, is_halved=True, is_trailing=True)


def test_a_trailing_stop_is_sold_at_its_price_or_at_an_open_beyond() -> None:
    """0.016 + 0.6 x 5.93 %, and x 5 %."""
    trailing = {"is_halved": True, "is_trailing": True}
    assert after((106.5, 106.8, 105.0, 105.5), TRAILING) == is_climb(0.0, 0.05158, 105.93, 107.0, **trailing)
    assert after((105.0, 106.8, 104.0, 105.5), TRAILING) == is_climb(0.0, 0.046, 105.93, 107.0, **trailing)


def test_where_the_target_closes_all_is_sold_at_it_or_at_an_open_beyond() -> None:
    """0.4 x 4 % + 0.6 x 6 %; 8 % of all."""
    closing = RULES._replace(closes_at_target=True)
    for entered, sign in ((LONG, 1), (SHORT, -1)):
        within, beyond = (103.0, 107.0, 102.0, 106.5), (108.0, 109.0, 107.0, 107.5)
        if sign < 0:
            within, beyond = mirrored(within), mirrored(beyond)
        found = after(within, entered=entered, rules=closing)
        assert found == is_climb(0.0, 0.052, 100.0, 100 + 7.0 * sign, is_halved=True)
        found = after(beyond, entered=entered, rules=closing)
        assert found == is_climb(0.0, 0.08, 100.0, 100 + 8.0 * sign, is_halved=True)


@pytest.mark.parametrize(
    ("candle", "was_old", "gross", "best"),
    [
        ((99.0, 103.0, 98.0, 102.0), True, -0.01, 100.0),  # old and losing at the open: sold there
        ((101.0, 103.0, 98.0, 102.0), True, 0.0, 101.0),  # begins to lose on the way: sold at its entry
        ((101.0, 103.0, 98.0, 99.0), False, -0.01, 103.0),  # becomes old with the close, and loses there
    ],
)
@pytest.mark.parametrize("entered", [LONG, SHORT], ids=["long", "short"])
def test_an_old_trade_that_loses_is_closed(
    entered: Entered, candle: Candle, gross: float, best: float, *, was_old: bool
) -> None:
    own = candle if entered is LONG else mirrored(candle)
    found = after(own, entered=entered, was_old=was_old, is_old=True)
    assert found == is_climb(0.0, gross, 100 - 5.0 * entered.sign, 100 + (best - 100) * entered.sign)


@pytest.mark.parametrize("close", [100.0, 100.5, 102.0])
def test_a_trade_that_becomes_old_with_the_close_goes_on_where_it_does_not_lose_then(close: float) -> None:
    found = after((101.0, 103.0, 98.0, close), is_old=True)
    assert found == is_climb(1.0, 0.0, max(95.0, close * 0.95), 103.0)


def test_a_stop_above_the_entry_is_nearer_than_the_age() -> None:
    found = after((106.5, 106.8, 99.0, 99.5), TRAILING, was_old=True, is_old=True)
    assert found == is_climb(0.0, 0.05158, 105.93, 107.0, is_halved=True, is_trailing=True)


@pytest.mark.parametrize(("hours", "candles"), [(24.0, 4), (21.0, 3), (0.5, 1)])
def test_a_trade_is_old_after_whole_candles(hours: float, candles: int) -> None:
    """Of seven hours each."""
    settings = RiskSettings(losing_time_exit_h=hours)
    assert old_after(settings, 7 * 3_600_000) == candles


@pytest.mark.parametrize("at_target", list(AtTarget))
def test_the_rules_are_the_settings(at_target: AtTarget) -> None:
    settings = RiskSettings(partial_at_r=1.5, partial_frac=0.3, trail_frac=0.02, at_target=at_target)
    assert rules_of(settings) == Rules(1.5, 0.3, 0.02, at_target is AtTarget.CLOSE)
