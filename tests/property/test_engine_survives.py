"""Whatever the market does, whatever answer is lost, wherever the process dies: orders, ledger and protection hold."""

import random
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.builders import SYMBOL
from tests.kit.harness import Fault, Harness
from trader.config import Settings
from trader.domain.decisions import Decision, SubmitOrder
from trader.domain.events import Ticked
from trader.domain.orders import Purpose

STEPS = 60


def run(seed: int, algorithm: str, crash_at: int | None, fault_rate: float) -> Harness:
    """A random walk with forecasts, faults and at most one crash, then quiet until everything is settled."""
    rng = random.Random(seed)
    harness = Harness(Settings.model_validate({"execution": {"algorithm": algorithm}}))
    harness.start()

    def fault(decision: Decision) -> Fault | None:
        if rng.random() >= fault_rate:
            return None
        return rng.choice(["lost_before", "lost_after", "refused"])

    harness.fault = fault
    harness.crash_at = crash_at
    mid = 100.0
    for step in range(STEPS):
        mid = max(20.0, mid + rng.gauss(0, 0.25))
        harness.price(round(mid, 2), size=rng.choice([2.0, 50.0]))
        if step % 6 == 0:
            harness.forecast(prediction=rng.choice([0.02, 0.02, -0.02, 0.0]))
        harness.advance(10_000)
        harness.put(Ticked())
        if step % 4 == 0:
            harness.resolve()
        if harness.is_dead:
            harness.restart()
            harness.assert_no_double_orders()
    harness.fault = lambda decision: None
    harness.crash_at = None
    for _ in range(40):
        harness.resolve()
        harness.advance(10_000)
        harness.price(round(mid, 2))
        harness.put(Ticked())
    harness.reconcile()
    return harness


@given(
    seed=st.integers(0, 10_000),
    algorithm=st.sampled_from(["market", "limit", "twap"]),
    crash_at=st.none() | st.integers(0, 400),
    fault_rate=st.sampled_from([0.0, 0.1, 0.4]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_books_agree_and_positions_are_protected(
    seed: int, algorithm: str, crash_at: int | None, fault_rate: float
) -> None:
    harness = run(seed, algorithm, crash_at, fault_rate)
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()
    state = harness.engine.state
    assert not state.tracker.unknown()
    assert not state.tracker.unsettled()
    held = harness.instruments[SYMBOL].round_quantity(harness.held)
    resting = sum(quantity for quantity, _ in harness.stops())
    if SYMBOL in state.exits or SYMBOL in state.tickets:
        assert resting <= held
    else:
        assert resting == held, (harness.held, harness.stops(), state.plans.get(SYMBOL))
    if held:
        assert SYMBOL in state.plans


def test_a_client_id_is_never_sent_twice() -> None:
    harness = run(seed=3, algorithm="twap", crash_at=None, fault_rate=0.3)
    sent = Counter(s.approved.intent.client_id for s in harness.decided(SubmitOrder))
    assert max(sent.values()) == 1
    purposes = {s.approved.intent.purpose for s in harness.decided(SubmitOrder)}
    assert {Purpose.ENTRY, Purpose.STOP} <= purposes
