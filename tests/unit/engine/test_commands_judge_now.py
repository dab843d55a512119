"""Commands are judged by the state of now: what the last tick measured and what the streams say."""

import pytest

from tests.kit.builders import SYMBOL
from tests.kit.situations import MINUTE_MS, Scene, a_scene, sent, stream, told
from trader.domain.decisions import TradingState
from trader.domain.events import CommandName, StreamState
from trader.domain.signals import Verdict

REDUCING, HALTED = TradingState.REDUCING, TradingState.HALTED


def off(scene: Scene) -> None:
    scene.tick(clock_offset_ms=5_000.0)


def failing(scene: Scene) -> None:
    scene.tick(errors_last_minute=31)


def stale(scene: Scene) -> None:
    scene.hear(stream(SYMBOL, StreamState.STALE, "silence"))


@pytest.mark.parametrize(
    ("measured", "reason"),
    [
        (off, "clock +5000 ms from the exchange's, at most 1000 ms"),
        (failing, "31 errors in a minute, at most 30"),
        (stale, "market data is stale"),
    ],
)
def test_resume_clears_nothing_that_still_holds(measured: object, reason: str) -> None:
    scene = a_scene()
    assert callable(measured)
    measured(scene)
    scene.command(CommandName.RESUME)
    assert scene.trading() == (REDUCING, (reason,))
    scene.seen.clear()
    assert scene.forecast().verdict is Verdict.SKIP
    assert sent(scene.seen) == []


def test_a_kill_names_what_holds_beside_it() -> None:
    scene = a_scene()
    off(scene)
    scene.command(CommandName.KILL)
    assert scene.trading() == (HALTED, ("killed by command", "clock +5000 ms from the exchange's, at most 1000 ms"))


def test_what_the_next_tick_measures_counts() -> None:
    scene = a_scene()
    off(scene)
    scene.command(CommandName.RESUME)
    scene.tick(clock_offset_ms=10.0)
    assert scene.trading() == (TradingState.ACTIVE, ())


def test_resume_measures_from_what_the_account_is_worth_now() -> None:
    """Not at the last tick: the price has moved since."""
    scene = a_scene()
    scene.enter()
    scene.wait(MINUTE_MS)
    scene.price(98.5)
    scene.command(CommandName.RESUME)
    # 24.92 units at 100.01 and a tenth of a percent of fees, now at 98.5
    units = float(scene.held())
    now = float(scene.cash()) + units * 98.5
    assert scene.equity.peak == scene.equity.equity == pytest.approx(now)
    assert told(scene.forecast(0.0001)) != ()
