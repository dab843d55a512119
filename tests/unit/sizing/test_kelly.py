"""The Kelly bet."""

import math

import pytest

from trader.sizing import kelly_fraction, shrunk_probability


def test_the_textbook_example() -> None:
    # b = 2.5 / 1.5, f* = (0.6 b - 0.4) / b = 0.36; half of it is above the cap
    assert kelly_fraction(0.6, 0.025, 0.015, cap=1.0) == pytest.approx(0.18)
    assert kelly_fraction(0.6, 0.025, 0.015) == 0.10


def test_clamped_between_floor_and_cap() -> None:
    assert kelly_fraction(0.505, 0.02, 0.02) == 0.01  # half of 1%
    assert kelly_fraction(0.55, 0.02, 0.02) == pytest.approx(0.05)
    assert kelly_fraction(1.0, 0.02, 0.02) == 0.10


@pytest.mark.parametrize(
    ("p", "win", "loss"),
    [(0.5, 0.02, 0.02), (0.4, 0.03, 0.02), (0.0, 0.1, 0.1), (0.3, 0.02, 0.02), (1 / 3, 0.2, 0.1), (0.9, 0.1, 0.9)],
)
def test_no_edge_is_no_bet_even_with_a_floor(p: float, win: float, loss: float) -> None:
    assert kelly_fraction(p, win, loss) == 0.0


def test_only_the_ratio_of_win_and_loss_counts() -> None:
    assert kelly_fraction(0.55, 2e-6, 2e-6) == pytest.approx(0.05)


def test_a_share_of_nothing_bets_nothing() -> None:
    assert kelly_fraction(0.9, 0.02, 0.02, fraction=0.0) == 0.0


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ({"win_prob": -0.1}, "0..1"),
        ({"win_prob": 1.1}, "0..1"),
        ({"win_prob": math.nan}, "0..1"),
        ({"avg_win": 0.0}, "a fraction above 0"),
        ({"avg_win": -0.01}, "a fraction above 0"),
        ({"avg_win": math.inf}, "a fraction above 0"),
        ({"avg_loss": 0.0}, "a fraction above 0"),
        ({"avg_loss": math.nan}, "a fraction above 0"),
        ({"fraction": -0.1}, "0..1"),
        ({"fraction": 1.5}, "0..1"),
        ({"floor": 0.2}, "0..cap (0.1)"),
        ({"floor": -0.01}, "0..cap (0.1)"),
        ({"cap": 1.2}, "0..1"),
        ({"cap": -0.1}, "0..1"),
    ],
)
def test_values_out_of_range_are_named(given: dict[str, float], allowed: str) -> None:
    name, value = next(iter(given.items()))
    arguments = {"win_prob": 0.6, "avg_win": 0.02, "avg_loss": 0.01} | given
    with pytest.raises(ValueError, match=r"out of range") as error:
        kelly_fraction(**arguments)
    assert str(error.value) == f"{name} {value} is out of range; allowed: {allowed}"


def test_without_a_floor_a_small_edge_is_a_small_bet_and_a_cap_of_nothing_bets_nothing() -> None:
    assert kelly_fraction(0.505, 0.02, 0.02, floor=0.0) == pytest.approx(0.005)
    assert kelly_fraction(0.9, 0.02, 0.02, floor=0.0, cap=0.0) == 0.0


@pytest.mark.parametrize(
    ("p", "base_rate", "shrink", "shrunk"),
    [
        (0.7, 0.5, 0.0, 0.7),
        (0.7, 0.5, 1.0, 0.5),
        (0.7, 0.5, 0.5, 0.6),
        (0.0, 1.0, 0.25, 0.25),
        (1.0, 0.0, 0.25, 0.75),
    ],
)
def test_shrinking(p: float, base_rate: float, shrink: float, shrunk: float) -> None:
    assert shrunk_probability(p, base_rate, shrink) == pytest.approx(shrunk)


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan])
@pytest.mark.parametrize("name", ["p", "base_rate", "shrink"])
def test_what_is_no_probability_and_no_share_is_named(name: str, value: float) -> None:
    arguments = {"p": 0.6, "base_rate": 0.5, "shrink": 0.5} | {name: value}
    with pytest.raises(ValueError, match=r"out of range") as error:
        shrunk_probability(**arguments)
    assert str(error.value) == f"{name} {value} is out of range; allowed: 0..1"
