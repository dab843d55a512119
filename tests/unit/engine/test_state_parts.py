"""What the state keeps is bounded, begins as nothing, and knows holes in what it is told."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, a_model, an_instrument, an_intent
from tests.kit.situations import MINUTE_MS, SYMBOL, Scene, a_scene, told
from trader.config import Settings
from trader.domain.account import Balance
from trader.domain.events import ModelChanged
from trader.domain.market import Candle
from trader.engine.state import EngineState


def fresh() -> EngineState:
    return EngineState(Settings(), {SYMBOL: an_instrument()}, ledger_id="test-ledger")


def test_what_grows_with_time_is_bounded() -> None:
    """One close more than the returns between them."""
    state = fresh()
    kept = (state.orders.submitted_ms, state.standing.trades, state.markets[SYMBOL].candles)
    assert all(each.maxlen is not None for each in kept)
    assert state.markets[SYMBOL].closes.maxlen == Settings().risk.correlation_candles + 1


def test_a_market_of_which_nothing_was_heard_says_so() -> None:
    scene = Scene()
    scene.price(100.0)
    scene.hear(ModelChanged(model=a_model()))
    assert "no data yet" in " ".join(told(scene.forecast()))


def a_candle(open_ms: int) -> Candle:
    return Candle(SYMBOL, open_ms, open_ms + MINUTE_MS, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("second", "third", "known"),
    [
        (1, 2, [1, 2]),  # each after the other: the newest two
        (0, 1, [0, 1]),  # the first told twice
        (2, 3, [2, 3]),  # a hole: what was before it goes
        (2, 2, [2]),
    ],
)
def test_candles_are_kept_without_a_hole(second: int, third: int, known: list[int]) -> None:
    market = fresh().markets[SYMBOL]
    market.candles = type(market.candles)(maxlen=2)
    for number in (0, second, third):
        market.remember(a_candle(NOW_MS + number * MINUTE_MS))
    assert [(candle.open_ms - NOW_MS) // MINUTE_MS for candle in market.candles] == known


def test_an_account_is_taken_for_live_until_it_is_said_not_to_be() -> None:
    state = fresh()
    assert (state.account.is_live, state.account.is_opened, state.account.is_reconciled) == (True, False, False)
    assert (state.speed, state.now_ms, state.is_stopping) == (1.0, 0, False)


PARTS = ("account", "orders", "positions", "guard", "model", "standing")


@pytest.mark.parametrize("name", PARTS)
def test_every_part_takes_back_what_changed_since_a_mark(name: str) -> None:
    """Each attribute of it, and what is put into the containers that it has."""
    state = fresh()
    part = getattr(state, name)
    attributes = [each for each in type(part).__slots__ if each not in ("ledger", "tracker")]
    before = {each: getattr(part, each) for each in attributes}
    contents = {each: dict(value) for each, value in before.items() if isinstance(value, dict)}
    mark = state.undo.mark()
    for each, value in before.items():
        if isinstance(value, dict):
            value["key"] = "new"
        setattr(part, each, None)
    state.undo.back_to(mark)
    assert {each: getattr(part, each) for each in attributes} == before
    assert {each: dict(getattr(part, each)) for each in contents} == contents


def test_ledger_and_orders_take_back_with_the_rest() -> None:
    scene = a_scene()
    state = scene.engine.state
    mark, held = state.undo.mark(), dict(state.account.ledger.balances)
    state.account.ledger.open_with((Balance("BTC", Decimal(5)),))
    state.orders.tracker.intend(an_intent("t-9"), NOW_MS)
    state.undo.back_to(mark)
    assert dict(state.account.ledger.balances) == held
    assert not state.orders.tracker.is_known("t-9")
