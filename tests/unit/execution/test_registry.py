"""Every execution algorithm is registered, by the name that people configure and the journal keeps."""

import pytest

from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import AlgorithmName
from trader.execution.algorithms import ALGORITHMS


def test_every_name_is_registered_once() -> None:
    assert list(ALGORITHMS) == list(AlgorithmName)
    assert len({each.state for each in ALGORITHMS.values()}) == len(ALGORITHMS)


@pytest.mark.parametrize("name", AlgorithmName)
def test_a_parent_order_is_of_the_kind_that_was_asked_for(name: AlgorithmName) -> None:
    state = Run(name.value, "10").state
    assert (type(state), state.algorithm) == (ALGORITHMS[name].state, name)
    assert state.__struct_config__.tag == name.value  # what the journal finds it by


# 60 base: 10 at 100, 50 at 102, average 101.667; a slice of 12: 10 at 100, 2 at 102, average 100.333
LEVELS = ((100.0, 10.0), (102.0, 60.0))


@pytest.mark.parametrize(("name", "paid"), [("market", 5 / 300), ("limit", 0.0025), ("twap", 0.0)])
def test_what_each_side_of_a_round_trip_pays(name: str, paid: float) -> None:
    settings = ExecutionSettings()  # TWAP above 0.5 %, in ten slices: 6 each, which the touch holds
    assert ALGORITHMS[AlgorithmName(name)].impact_paid(LEVELS, 60.0, settings) == pytest.approx(paid)


def test_a_twap_pays_what_one_slice_pays_on_a_book_refilled() -> None:
    """Also for more than the book shows: five slices of 12."""
    settings = ExecutionSettings(twap_slices=5)
    assert ALGORITHMS[AlgorithmName.TWAP].impact_paid(LEVELS, 60.0, settings) == pytest.approx(1 / 300)
    assert ALGORITHMS[AlgorithmName.TWAP].impact_paid(LEVELS, 250.0, settings) == pytest.approx((80 / 50) / 100)


@pytest.mark.parametrize(("name", "most"), [("market", 70.0), ("limit", 70.0), ("twap", 140.0)])
def test_how_much_it_can_carry(name: str, most: float) -> None:
    """What the book shows; ten slices of a fifth of it."""
    assert ALGORITHMS[AlgorithmName(name)].most(LEVELS, ExecutionSettings()) == pytest.approx(most)
