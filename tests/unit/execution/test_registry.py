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


@pytest.mark.parametrize(("name", "paid"), [("market", 0.01), ("limit", 0.0025), ("twap", 0.001)])
def test_what_of_its_impact_a_round_trip_pays(name: str, paid: float) -> None:
    settings = ExecutionSettings()  # TWAP above 0.5 %, in ten slices
    assert ALGORITHMS[AlgorithmName(name)].impact_paid(0.01, settings) == pytest.approx(paid)
