"""With an exchange that answers, what is held is guarded after every step: by a stop that rests, or by an exit at work.

Entries of every algorithm, parts and slices of exits, moving stops, restarts and deaths between any two actions.
"""

import random
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit.builders import a_perpetual
from tests.kit.harness import Harness
from trader.config import Settings
from trader.domain.events import CandleClosed, CommandName, Ticked
from trader.domain.instrument import ZERO
from trader.domain.market import Candle

STEPS = 60
MINUTE_MS = 60_000
LONGEST_MS = 2_000  # a stop that the exchange refused, because the price was beyond it, is tried again within this


def step(harness: Harness, rng: random.Random, mid: float) -> float:
    """One thing happens. Returns the price."""
    match rng.choices(("price", "forecast", "wait", "tick", "candle", "restart", "dying", "flatten"), WEIGHTS)[0]:
        case "price":
            mid = max(20.0, round(mid + rng.gauss(0, 0.4), 2))
            harness.price(mid, size=rng.choice([0.5, 2.0, 50.0]))
        case "forecast":
            harness.forecast(rng.choice([0.02, 0.02, 0.0, -0.02]))
        case "wait":
            harness.advance(rng.choice([1, 250, 1_000, 5_000, 30_000, MINUTE_MS]))
        case "tick":
            harness.put(Ticked())
        case "candle":
            open_ms = harness.now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
            shape = Candle(harness.symbol, open_ms, open_ms + MINUTE_MS, mid, mid, mid, mid, 1.0)
            harness.put(CandleClosed(candle=shape))
        case "restart":
            harness.is_dead = True
        case "dying":
            harness.crash_at = rng.randrange(6)
        case "flatten":
            harness.command(CommandName.FLATTEN)
    if harness.is_dead:
        harness.restart()
    return mid


WEIGHTS = (35, 25, 20, 10, 4, 4, 4, 1)


def unguarded(harness: Harness, mid: float) -> Decimal:
    """What is held, could be guarded, and is neither covered by stops at the exchange nor being sold."""
    state, instrument = harness.engine.state, harness.instruments[harness.symbol]
    plan, leaving = state.positions.plans.get(harness.symbol), state.positions.exits.get(harness.symbol)
    if plan is not None and (mid - plan.stop_price) * plan.side.sign <= 0.02:
        return ZERO  # the price is at the stop: it cannot rest any more
    selling = ZERO
    if leaving is not None and leaving.parent_id:
        algorithm = state.orders.algorithms[leaving.parent_id]
        selling = leaving.quantity - algorithm.filled
    held = instrument.round_quantity(abs(harness.held))
    covered = sum((quantity for quantity, _ in harness.stops()), ZERO)
    left = instrument.round_quantity(max(ZERO, held - covered - selling))
    return ZERO if instrument.for_reducing.refusal(left, instrument.round_price(mid)) is not None else left


@given(
    seed=st.integers(0, 100_000),
    algorithm=st.sampled_from(["market", "limit", "twap", "auto"]),
    is_perpetual=st.booleans(),
    partial_frac=st.sampled_from([0.3, 0.5, 1.0]),
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_held_is_guarded_after_every_step(
    seed: int, algorithm: str, is_perpetual: bool, partial_frac: float
) -> None:
    chosen = Settings.model_validate(
        {
            "execution": {"algorithm": algorithm, "twap_duration_s": 30.0},
            "exchange": {"market": "perpetual" if is_perpetual else "spot"},
            "risk": {"partial_frac": partial_frac, "partial_at_r": 0.5, "trail_frac": 0.003},
        }
    )
    perpetual = a_perpetual()
    harness = Harness(chosen, {perpetual.symbol: perpetual} if is_perpetual else None)
    harness.start()
    rng, mid = random.Random(seed), 100.0
    for _ in range(STEPS):
        mid = step(harness, rng, mid)
        if harness.symbol in harness.engine.state.positions.stop_troubles:
            harness.crash_at = None
            harness.advance(LONGEST_MS)
            harness.put(Ticked())
        assert unguarded(harness, mid) == 0, (harness.held, harness.stops(), harness.engine.state.positions.exits)
        harness.assert_no_double_orders()
