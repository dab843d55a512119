"""The ladder of a live position through any market, restarts and deaths, long and short: stops only tighten, half is
sold once, and no exit is for more than is held."""

import random
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.builders import a_perpetual
from tests.kit.harness import Harness
from trader.config import Settings
from trader.domain.closing import CloseReason
from trader.domain.decisions import KeepOrder, KeepPosition, Notify, RecordTrade, SubmitOrder
from trader.domain.events import CandleClosed, Ticked
from trader.domain.instrument import ZERO
from trader.domain.market import Candle
from trader.domain.orders import Order, Purpose
from trader.risk.stops import PositionPlan
from trader.runtime.turn import Turn

STEPS = 120
MINUTE_MS = 60_000
EXITS = (Purpose.EXIT, Purpose.FLATTEN)


class Life(NamedTuple):
    harness: Harness
    halves: Counter[str]  # partial exits asked for, by the decision that opened the position


def lived(seed: int, *, is_perpetual: bool, at_target: str) -> Life:
    """A life of one account; fails where a plan goes back on what it was."""
    rng = random.Random(seed)
    chosen = {
        "exchange": {"market": "perpetual" if is_perpetual else "spot"},
        "execution": {"algorithm": rng.choice(["market", "limit", "twap"]), "twap_above_frac": 0.0004},
        "risk": {
            "partial_at_r": 0.5,
            "target_at_r": 1.0,
            "trail_frac": 0.004,
            "at_target": at_target,
            "take_profit": rng.choice(["market", "limit"]),
        },
        "strategy": {"regimes": {"range_bound": {"take_profit_frac": 0.01}}},
        "locks": {"cooldown_candles": 0, "stop_guard_stops": 0, "loss_guard_trades": 0},
    }
    instrument = a_perpetual()
    harness = Harness(settings_of(chosen), {instrument.symbol: instrument} if is_perpetual else None)
    harness.start()
    mid, before, halves = 100.0, None, Counter[str]()
    for _ in range(STEPS):
        turns = len(harness.memory.turns)
        mid = step(harness, rng, mid, is_perpetual=is_perpetual)
        after = harness.engine.state.positions.plans.get(harness.symbol)
        if before is not None and after is not None and before.decision_id == after.decision_id:
            assert_only_forward(before, after)
        owner = before or after
        if owner is not None:
            halves[owner.decision_id] += len(asked(harness.memory.turns[turns:], "partial"))
        before = after
    return Life(harness, halves)


def settings_of(chosen: dict[str, Any]) -> Settings:
    usual = Settings().model_dump(mode="json")
    regimes = usual["strategy"]["regimes"]
    changed = {name: {**rule, **chosen["strategy"]["regimes"].get(name, {})} for name, rule in regimes.items()}
    return Settings.model_validate({**chosen, "strategy": {"regimes": changed}})


def step(harness: Harness, rng: random.Random, mid: float, *, is_perpetual: bool) -> float:
    """One thing happens; forecasts only open, so that the ladder has its time. Returns the price."""
    match rng.choices(("price", "candle", "wait", "restart", "dying"), (70, 8, 10, 6, 6))[0]:
        case "price":
            mid = max(20.0, round(mid + rng.gauss(0, 0.25), 2))
            harness.price(mid, size=rng.choice([2.0, 50.0]))
        case "candle":
            open_ms = harness.now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
            shape = Candle(harness.symbol, open_ms, open_ms + MINUTE_MS, mid, mid, mid, mid, 1.0)
            harness.put(CandleClosed(candle=shape))
        case "wait":
            harness.advance(rng.choice([250, 5_000, 20_000]))
            harness.put(Ticked())
        case "restart":
            harness.is_dead = True
        case "dying":
            harness.crash_at = rng.randrange(12)
    if harness.is_dead:
        harness.restart()
    if not harness.held:
        harness.advance(MINUTE_MS)
        harness.forecast(rng.choice([0.02, -0.02]) if is_perpetual else 0.02)
    return mid


def asked(turns: Iterable[Turn], reason: str) -> list[Notify]:
    """The exits for `reason` that were asked for."""
    notices = (each for turn in turns for each in turn.decisions if isinstance(each, Notify))
    return [each for each in notices if each.event == "exit.asked" and each.message.startswith(f"{reason}:")]


def assert_only_forward(before: PositionPlan, after: PositionPlan) -> None:
    sign = before.side.sign
    assert (after.stop_price - before.stop_price) * sign >= 0
    assert (after.best_price - before.best_price) * sign >= 0
    assert (after.worst_price - before.worst_price) * sign <= 0
    assert (after.partial_done, after.trailing) >= (before.partial_done, before.trailing)
    assert (after.r_frac, after.atr_width_frac) == (before.r_frac, before.atr_width_frac)


def assert_no_exit_exceeds_what_is_held(harness: Harness) -> None:
    held, orders = ZERO, dict[str, Order]()
    for turn in harness.memory.turns:
        for decision in turn.decisions:
            match decision:
                case KeepPosition(position=position):
                    held = position.quantity
                case KeepOrder(order=order):
                    orders[order.client_id] = order
                case SubmitOrder(approved=approved) if approved.intent.purpose in EXITS:
                    assert approved.intent.side.sign * held < 0
                    assert leaving(orders.values()) <= abs(held)
                case _:
                    pass


def leaving(orders: Iterable[Order]) -> Decimal:
    """What exits that have not ended may still sell."""
    at_work = (order for order in orders if order.intent.purpose in EXITS and not order.status.is_terminal)
    return sum((order.remaining for order in at_work), ZERO)


@given(seed=st.integers(0, 100_000), is_perpetual=st.booleans(), at_target=st.sampled_from(["trail", "close"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_ladder_is_climbed_once(seed: int, *, is_perpetual: bool, at_target: str) -> None:
    harness, halves = lived(seed, is_perpetual=is_perpetual, at_target=at_target)
    assert_no_exit_exceeds_what_is_held(harness)
    harness.assert_no_double_orders()
    assert max(halves.values(), default=0) <= 1


@pytest.mark.parametrize("is_perpetual", [False, True])
def test_every_rung_is_reached_in_these_stories(is_perpetual: bool) -> None:
    lives = [lived(seed, is_perpetual=is_perpetual, at_target="trail").harness for seed in range(12)]
    assert any(asked(harness.memory.turns, "partial") for harness in lives)
    reasons = {record.trade.reason for harness in lives for record in harness.decided(RecordTrade)}
    assert reasons >= {CloseReason.STOP, CloseReason.BREAK_EVEN, CloseReason.TRAILING_STOP}
