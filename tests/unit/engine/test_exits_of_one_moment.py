"""Exits that follow each other within one millisecond, as in a replay, where an order is answered at once."""

import pytest

from tests.kit.builders import SYMBOL
from tests.kit.harness import Harness
from trader.config.schema import Settings
from trader.domain.decisions import Notify, RecordTrade
from trader.domain.events import Ticked


@pytest.fixture
def entered() -> Harness:
    """A long of about 25 units; prices move, time does not."""
    harness = Harness(
        Settings.model_validate(
            {"execution": {"twap_above_frac": 0.0004, "twap_slices": 4}, "risk": {"at_target": "close"}}
        )
    )
    harness.start()
    harness.forecast()
    harness.put(Ticked())
    assert harness.held > 0
    return harness


def warned(harness: Harness) -> list[str]:
    return [
        notice.message for notice in harness.decided(Notify) if notice.event in ("order.refused", "exit.incomplete")
    ]


def test_the_rest_is_sold_in_the_moment_half_of_it_was(entered: Harness) -> None:
    plan = entered.engine.state.positions.plans[SYMBOL]
    entered.price(plan.entry_price + 3.05 * plan.r_quote)  # beyond both: half of it, and then the target of the rest
    entered.put(Ticked())
    assert warned(entered) == []
    assert [str(decision.trade.reason) for decision in entered.decided(RecordTrade)] == ["take_profit"]
    entered.assert_no_double_orders()
    entered.assert_ledger_equals_exchange()


def test_every_slice_of_an_exit_is_sold(entered: Harness) -> None:
    entered.advance(60_000)
    entered.price(100.0, size=2.0)  # too thin for all at once
    entered.forecast(-0.02)
    for _ in range(4):
        entered.advance(75_000)
        entered.price(100.0, size=2.0)
        entered.put(Ticked())
    assert warned(entered) == []
    assert [str(decision.trade.reason) for decision in entered.decided(RecordTrade)] == ["signal turned"]
    entered.assert_no_double_orders()
    entered.assert_ledger_equals_exchange()
