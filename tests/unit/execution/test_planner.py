"""The choice of algorithm, and ids that cannot collide."""

import math
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import a_book
from tests.unit.execution.driver import Run
from trader.config.execution import ExecutionSettings
from trader.domain.orders import Purpose, Side
from trader.execution.client_ids import client_id_for, parent_id_for
from trader.execution.planner import choose_algorithm

# 10 base per level, 0.1 apart from 100: 20 base average 100.05 (5 bp), 60 base 100.25 (25 bp), 150: 100.7 (70 bp)
BOOK = a_book(bid=99.9, ask=100.0, tick=0.1, size=10.0)


@pytest.mark.parametrize(("quantity", "chosen"), [("20", "market"), ("60", "limit"), ("150", "twap"), ("1000", "twap")])
def test_by_impact(quantity: str, chosen: str) -> None:
    assert choose_algorithm(BOOK, Side.BUY, Decimal(quantity), ExecutionSettings()).algorithm == chosen


def test_a_book_too_thin_is_split() -> None:
    assert choose_algorithm(BOOK, Side.SELL, Decimal(201), ExecutionSettings()) == ("twap", math.inf)


@pytest.mark.parametrize(("urgency", "chosen"), [("low", "twap"), ("medium", "limit"), ("high", "limit")])
def test_urgency_moves_the_thresholds(urgency: str, chosen: str) -> None:
    settings = ExecutionSettings.model_validate({"urgency": urgency})
    assert choose_algorithm(BOOK, Side.BUY, Decimal(90), settings).algorithm == chosen


def test_a_fixed_algorithm_overrides_but_exits_take_the_market() -> None:
    settings = ExecutionSettings(algorithm="twap")
    assert choose_algorithm(BOOK, Side.BUY, Decimal(1), settings).algorithm == "twap"
    assert choose_algorithm(BOOK, Side.SELL, Decimal(150), settings, Purpose.EXIT).algorithm == "market"


def test_the_market_order_it_replaced_is_priced_at_arrival() -> None:
    run = Run("twap", "20", book=BOOK)
    assert run.state.market_order_bps == pytest.approx((100.05 / 99.95 - 1) * 1e4)
    assert run.state.arrival_mid == pytest.approx(99.95)


def test_no_parent_without_quantity() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Run("market", "0")


def test_ids_are_stable_across_processes() -> None:
    assert client_id_for("ledger-1", "d-1", Purpose.ENTRY, 0) == "t-0b2e35ac7370cf8e3083f47fcc503c5f"


PARTS = st.tuples(st.text(max_size=20), st.text(max_size=20), st.sampled_from(Purpose), st.integers(0, 1000))


@given(PARTS, PARTS)
def test_ids_differ_when_anything_differs(
    one: tuple[str, str, Purpose, int], other: tuple[str, str, Purpose, int]
) -> None:
    assert (client_id_for(*one) == client_id_for(*other)) == (one == other)
    assert re.fullmatch(r"t-[0-9a-f]{32}", client_id_for(*one))
    assert parent_id_for(*one[:3]) not in (client_id_for(*one), client_id_for(*other))
