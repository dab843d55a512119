"""What a quantity costs against the best price."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import a_book
from trader.domain.orders import Side
from trader.execution import estimate_impact, walk
from trader.execution.impact import held_quantity, opposite


def test_inside_the_best_level_there_is_no_impact() -> None:
    assert estimate_impact([(100.0, 2.0), (101.0, 2.0)], 2.0) == 0.0


def test_average_against_best_on_both_sides() -> None:
    assert estimate_impact([(100.0, 1.0), (102.0, 1.0)], 2.0) == pytest.approx(0.01)
    assert estimate_impact([(100.0, 1.0), (98.0, 1.0)], 2.0) == pytest.approx(0.01)
    assert walk([(100.0, 1.0), (102.0, 3.0)], 4.0) == pytest.approx((101.5, 4.0))


def test_a_book_too_thin_is_infinite_impact() -> None:
    assert estimate_impact([(100.0, 1.0)], 1.0001) == math.inf
    assert estimate_impact([], 1.0) == math.inf
    average, filled = walk([(100.0, 1.0), (110.0, 1.0)], 5.0)
    assert (average, filled) == pytest.approx((105.0, 2.0))


def test_no_book_holds_everything_there_is() -> None:
    assert estimate_impact([(100.0, 1.0)], math.inf) == math.inf
    assert estimate_impact([(100.0, 1.0), (110.0, 1.0)], math.inf) == math.inf
    assert walk([(100.0, 1.0), (110.0, 1.0)], math.inf) == pytest.approx((105.0, 2.0))


def test_what_an_order_would_take_from() -> None:
    book = a_book(bid=99.0, ask=101.0, size=2.0, levels=25, tick=1.0)
    assert opposite(book, Side.BUY)[0] == (101.0, 2.0)
    assert opposite(book, Side.SELL)[-1] == (80.0, 2.0)  # twenty levels
    assert held_quantity(opposite(book, Side.BUY)) == 40.0


def test_binary_rounding_does_not_make_a_book_thin() -> None:
    assert math.isfinite(estimate_impact([(100.0, 0.1)] * 10, 1.0))


def test_nothing_costs_nothing() -> None:
    assert estimate_impact([(100.0, 1.0)], 0.0) == 0.0
    assert estimate_impact([], 0.0) == 0.0


def test_takes_arrays() -> None:
    assert estimate_impact(np.array([[100.0, 1.0], [102.0, 1.0]]), 2.0) == pytest.approx(0.01)


@pytest.mark.parametrize("quantity", [-1.0, math.nan])
def test_bad_quantity(quantity: float) -> None:
    with pytest.raises(ValueError, match="0 or more"):
        estimate_impact([(100.0, 1.0)], quantity)


def test_bad_price() -> None:
    with pytest.raises(ValueError, match="above 0"):
        estimate_impact([(0.0, 1.0)], 1.0)


@given(
    st.lists(st.tuples(st.floats(0.001, 50), st.floats(0.001, 1000)), min_size=1, max_size=20),
    st.floats(0.001, 500),
    st.floats(1, 3),
)
def test_impact_grows_with_quantity(steps: list[tuple[float, float]], quantity: float, factor: float) -> None:
    price, levels = 100.0, []
    for step, size in steps:
        levels.append((price, size))
        price += step
    small, large = estimate_impact(levels, quantity), estimate_impact(levels, quantity * factor)
    assert 0 <= small <= large * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize(
    ("levels", "quantity", "average", "filled"),
    [
        ([(0.5, 0.25), (0.6, 0.75)], 0.5, 0.55, 0.5),  # coins and quantities below one
        ([(0.5, 0.25), (0.6, 0.25)], 4.0, 0.55, 0.5),  # all there is
        ([(100.0, -3.0), (102.0, 1.0)], 1.0, 102.0, 1.0),  # a level of less than nothing holds nothing
    ],
)
def test_a_walk_takes_what_each_level_holds(
    levels: list[tuple[float, float]], quantity: float, average: float, filled: float
) -> None:
    assert walk(levels, quantity) == pytest.approx((average, filled))


@pytest.mark.parametrize(("levels", "quantity"), [([], 1.0), ([(100.0, 0.0)], 1.0), ([(100.0, 1.0)], 0.0)])
def test_where_nothing_fills_there_is_no_average(levels: list[tuple[float, float]], quantity: float) -> None:
    average, filled = walk(levels, quantity)
    assert math.isnan(average)
    assert filled == 0.0
