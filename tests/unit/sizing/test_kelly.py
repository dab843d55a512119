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
    [(0.5, 0.02, 0.02), (0.4, 0.03, 0.02), (0.0, 0.1, 0.1), (0.3, 0.02, 0.02), (1 / 3, 0.2, 0.1), (0.1, 0.9, 0.1)],
)
def test_no_edge_is_no_bet_even_with_a_floor(p: float, win: float, loss: float) -> None:
    assert kelly_fraction(p, win, loss) == 0.0


def test_a_share_of_nothing_bets_nothing() -> None:
    assert kelly_fraction(0.9, 0.02, 0.02, fraction=0.0) == 0.0


@pytest.mark.parametrize(
    "given",
    [
        {"win_prob": -0.1},
        {"win_prob": 1.1},
        {"win_prob": math.nan},
        {"avg_win": 0.0},
        {"avg_win": -0.01},
        {"avg_win": math.inf},
        {"avg_loss": 0.0},
        {"avg_loss": math.nan},
        {"fraction": -0.1},
        {"fraction": 1.5},
        {"floor": 0.2},
        {"floor": -0.01},
        {"cap": 1.2},
    ],
)
def test_values_out_of_range_are_named(given: dict[str, float]) -> None:
    name, value = next(iter(given.items()))
    arguments = {"win_prob": 0.6, "avg_win": 0.02, "avg_loss": 0.01} | given
    with pytest.raises(ValueError, match=f"^{name} {value} is out of range; allowed: "):
        kelly_fraction(**arguments)


def test_shrinking() -> None:
    assert shrunk_probability(0.7, 0.5, 0.0) == 0.7
    assert shrunk_probability(0.7, 0.5, 1.0) == 0.5
    assert shrunk_probability(0.7, 0.5, 0.5) == pytest.approx(0.6)
    with pytest.raises(ValueError, match="base_rate"):
        shrunk_probability(0.5, 1.5, 0.5)
