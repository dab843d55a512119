"""Whatever the market does, whatever answer is lost, wherever the process dies: orders, ledger and protection hold."""

import random
from collections import Counter

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.builders import SYMBOL, a_perpetual
from tests.kit.harness import Fault, Harness
from trader.config import Settings
from trader.domain.decisions import Notify, SubmitOrder
from trader.domain.events import Ticked
from trader.domain.orders import Purpose, Side

STEPS = 60
FUNDING_MS = 8 * 3_600_000
PERPETUAL = a_perpetual()


def run(
    seed: int,
    algorithm: str,
    crash_at: int | None,
    fault_rate: float,
    *,
    is_perpetual: bool = False,
    is_shared: bool = False,
) -> Harness:
    """A random walk with forecasts, faults and at most one crash, then quiet until everything is settled.

    A perpetual is traded in both directions, and now and then eight hours pass at once: funding. `is_shared`:
    somebody else trades on the account too.
    """
    rng = random.Random(seed)
    harness = Harness(_settings(algorithm, is_perpetual), {PERPETUAL.symbol: PERPETUAL} if is_perpetual else None)
    # fills that come in another order than they happened give another average: then what is stated counts
    harness.states_profit = is_shared or fault_rate > 0
    harness.start()

    def fault(order: SubmitOrder) -> Fault | None:
        del order
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
        if is_shared and step % 17 == 16 and not harness.is_dead:
            harness.trade_by_hand(rng.choice([Side.BUY, Side.SELL]), "1.5")
        harness.advance(10_000 if not is_perpetual or step % 20 else FUNDING_MS)
        harness.put(Ticked())
        if step % 4 == 0:
            harness.resolve()
        if is_perpetual and step % 9 == 0:
            harness.reconcile()
        if harness.is_dead:
            harness.restart()
            harness.assert_no_double_orders()
    harness.fault = lambda order: None
    harness.crash_at = None
    for _ in range(40):
        harness.resolve()
        harness.advance(10_000)
        harness.price(round(mid, 2))
        harness.put(Ticked())
    harness.reconcile()
    if is_perpetual:
        harness.reconcile()  # a difference must be seen twice
    return harness


def _settings(algorithm: str, is_perpetual: bool) -> Settings:
    exchange = {"market": "perpetual" if is_perpetual else "spot"}
    risk = {"losing_time_exit_h": 100.0} if is_perpetual else {}
    return Settings.model_validate({"execution": {"algorithm": algorithm}, "exchange": exchange, "risk": risk})


@given(
    seed=st.integers(0, 10_000),
    algorithm=st.sampled_from(["market", "limit", "twap"]),
    crash_at=st.none() | st.integers(0, 170),
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
    assert not state.orders.tracker.unknown()
    assert not state.orders.tracker.unsettled()
    held = harness.instruments[SYMBOL].round_quantity(harness.held)
    resting = sum(quantity for quantity, _ in harness.stops())
    if SYMBOL in state.positions.exits or SYMBOL in state.positions.tickets:
        assert resting <= held
    else:
        assert resting == held, (harness.held, harness.stops(), state.positions.plans.get(SYMBOL))
    if held:
        assert SYMBOL in state.positions.plans


@given(
    seed=st.integers(0, 10_000),
    algorithm=st.sampled_from(["market", "limit", "twap"]),
    crash_at=st.none() | st.integers(0, 170),
    fault_rate=st.sampled_from([0.0, 0.1, 0.4]),
    is_shared=st.booleans(),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_perpetuals_agree_to_the_last_digit_with_funding_and_others_trading(
    seed: int, algorithm: str, crash_at: int | None, fault_rate: float, is_shared: bool
) -> None:
    harness = run(seed, algorithm, crash_at, fault_rate, is_perpetual=True, is_shared=is_shared)
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()
    state, held = harness.engine.state, harness.held
    assert not state.orders.tracker.unknown()
    assert not state.orders.tracker.unsettled()
    assert state.account.payment_ids.keys() >= {payment.payment_id for payment in harness.payments()}
    unexplained = {"account.transfer", "account.position", "order.anomaly", "invariant.broken"}
    assert not unexplained & {notice.event for notice in harness.decided(Notify)}
    if harness.symbol not in state.positions.exits and harness.symbol not in state.positions.tickets:
        assert [quantity for quantity, _ in harness.stops()] == ([abs(held)] if held else [])
    if held:
        assert harness.symbol in state.positions.plans


def test_perpetuals_are_traded_in_both_directions_and_pay_funding() -> None:
    harness = run(seed=2, algorithm="market", crash_at=None, fault_rate=0.0, is_perpetual=True)
    entries = [s.approved.intent for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.ENTRY]
    assert {intent.side for intent in entries} == {Side.BUY, Side.SELL}
    assert harness.payments()


def test_a_client_id_is_never_sent_twice() -> None:
    harness = run(seed=3, algorithm="twap", crash_at=None, fault_rate=0.3)
    sent = Counter(s.approved.intent.client_id for s in harness.decided(SubmitOrder))
    assert max(sent.values()) == 1
    purposes = {s.approved.intent.purpose for s in harness.decided(SubmitOrder)}
    assert {Purpose.ENTRY, Purpose.STOP} <= purposes
