"""What the engine remembers to spare itself work changes nothing: an engine that forgets it before every event decides
the same."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.kit.builders import SYMBOL
from tests.kit.situations import MINUTE_MS, PERPETUAL, Scene, a_scene, stream
from trader.domain.decisions import Decision
from trader.domain.events import CommandName, StreamState
from trader.domain.orders import OrderStatus
from trader.engine.state.spared import Spared
from trader.engine.state.worth import commitments_now, worth_now

STEPS = st.lists(
    st.tuples(
        st.sampled_from(
            ["price", "price", "price", "tick", "tick", "tick", "wait", "hours", "candle", "forecast", "short",
             "oblige", "ignore", "restart", "flatten", "reconcile", "by hand", "deposit", "stop fills",
             "stop ends", "stale"]
        ),
        st.integers(-300, 300),
    ),
    min_size=5,
    max_size=60,
)  # fmt: skip


def forget(scene: Scene) -> None:
    """Everything that only spares work."""
    desk = scene.engine._desk  # noqa: SLF001  # that nothing of it is seen from outside is what is tested
    desk.guarded.clear()
    desk.quiet.clear()
    scene.engine.state.spared = Spared()


def happens(scene: Scene, what: str, amount: int) -> None:
    """One thing that may happen."""
    match what:
        case "price":
            scene.price(100.0 * (1 + amount / 5_000), size=3.0 if amount % 7 == 0 else 50.0)
        case "tick":
            scene.tick()
        case "wait":
            scene.wait(abs(amount) * 100)
        case "hours":
            scene.wait(abs(amount) * MINUTE_MS)
        case "candle":
            scene.candle(100.0 * (1 + amount / 5_000))
        case "forecast" | "short":
            scene.heard_forecast(-0.02 if what == "short" else 0.02)
        case "oblige":
            scene.oblige()
        case "ignore":
            scene.ignore()
        case "restart":
            scene.restart()
            scene.reconcile(is_startup=True)
        case "flatten":
            scene.command(CommandName.FLATTEN)
        case "reconcile":
            scene.reconcile()
        case "deposit":
            told = str(scene.cash() + abs(amount))
            scene.reconcile(USDT=told)
            scene.reconcile(USDT=told)
        case "by hand":
            doubled = [replace(each, quantity=each.quantity * 2) for each in scene.margined()]
            scene.reconcile(positions=doubled)
            scene.reconcile(positions=doubled)
        case "stale":
            scene.hear(stream(scene.symbol, StreamState.STALE if amount % 2 else StreamState.LIVE))
        case _:
            about_a_stop(scene, what, amount)


def about_a_stop(scene: Scene, what: str, amount: int) -> None:
    for intent in scene.resting()[:1]:
        order = scene.order(intent.client_id)
        part = scene.instruments[scene.symbol].round_quantity(order.remaining * abs(amount) / 300)
        if order.status is not OrderStatus.OPEN:
            continue
        if what == "stop fills" and part:
            scene.fill(intent.client_id, part)
        elif what == "stop ends":
            scene.report(intent.client_id, OrderStatus.CANCELED)


@pytest.mark.parametrize("algorithm", ["market", "twap"])
@pytest.mark.parametrize("symbol", [SYMBOL, PERPETUAL])
@given(story=STEPS)
@settings(max_examples=40, deadline=None)
def test_it_decides_the_same_without_what_it_remembers(
    algorithm: str, symbol: str, story: list[tuple[str, int]]
) -> None:
    chosen = {"execution": {"algorithm": algorithm}}
    remembering, forgetting = (a_scene(chosen, perpetual=symbol == PERPETUAL) for _ in range(2))
    for what, amount in [("forecast", 0), ("oblige", 0), *story]:
        forget(forgetting)
        seen: list[list[Decision]] = []
        for scene in (remembering, forgetting):
            before = len(scene.seen)
            happens(scene, what, amount)
            seen.append(scene.seen[before:])
        assert seen[0] == seen[1], (what, amount)
        forget(forgetting)
        for counted in (commitments_now, lambda state, _: worth_now(state)):
            known, anew = (counted(scene.engine.state, scene.settings) for scene in (remembering, forgetting))
            assert known == anew, (what, amount)
