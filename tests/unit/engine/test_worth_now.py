"""What the account is worth at the prices of now, and kept state of versions before in today's shape."""

import pytest

from tests.kit.builders import NOW_MS
from tests.kit.situations import SYMBOL, Scene, a_scene, coins, sent
from trader.domain.events import OutcomeLost
from trader.domain.reasons import Code, because
from trader.engine.desk import Desk
from trader.engine.state.older import as_today
from trader.engine.state.worth import worth_now


def desk_of(scene: Scene) -> Desk:
    return Desk(scene.settings, scene.engine.state, {})


@pytest.mark.parametrize("leverage", [1, 5])
def test_commitments_are_at_the_prices_of_now_and_take_the_margin_of_the_leverage(leverage: int) -> None:
    scene = a_scene({"exchange": {"leverage": leverage}}, perpetual=True)
    scene.enter()
    scene.price(110.0)  # no tick has come since
    committed = desk_of(scene).commitments()
    assert committed is not None
    gained = float(scene.held()) * (110.0 - float(scene.position().entry_price))
    assert committed.equity == pytest.approx(float(scene.cash()) + gained, rel=1e-4)
    assert committed.notional == pytest.approx(float(scene.held()) * 110.0)
    used = committed.notional / leverage
    assert committed.free == pytest.approx(committed.equity - used, rel=0.01)


def test_nothing_is_committed_before_anybody_knows_what_the_account_is_worth() -> None:
    scene = Scene()
    scene.live()
    scene.price(100.0)
    assert desk_of(scene).commitments() is None


def test_an_order_of_unknown_fate_counts_at_its_worst() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    before = worth_now(scene.engine.state)
    scene.hear(OutcomeLost(client_id=entry.client_id, reason="timeout"))
    after = worth_now(scene.engine.state)
    assert before is not None
    assert after is not None
    assert before.equity == 10_000.0
    assert after.equity < 10_000.0
    assert after.exposure > before.exposure == 0.0


def test_while_a_price_is_missing_the_newest_worth_stands_and_is_not_judged() -> None:
    """Coins that are no position of ours: nobody knows what they were bought at."""
    scene = Scene(instruments=coins("BTC", "XRP"))
    scene.live()
    for symbol in scene.instruments:
        scene.price(100.0, symbol)
    scene.reconcile(is_startup=True, USDT="5000", BTC="10")
    scene.tick()
    scene.engine.state.markets[SYMBOL].book = None
    scene.engine.state.markets[SYMBOL].candle = None
    worth = worth_now(scene.engine.state)
    assert worth is not None
    assert (worth.equity, worth.judged, worth.unpriced) == (6_000.0, None, (SYMBOL,))
    assert worth.ts_ms == NOW_MS


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("plan", {"entry_price": 5.0}, {"entry_price": 5.0, "worst_price": 5.0}),
        ("plan", {"entry_price": 5.0, "worst_price": 4.0}, {"entry_price": 5.0, "worst_price": 4.0}),
        ("plan", {}, {"worst_price": 0.0}),
        ("breakers", {}, {"halt": None}),
        ("breakers", {"halt_reason": ""}, {"halt": None, "halt_reason": ""}),
        ("breakers", {"halt_reason": "too bad"}, {"halt": because(Code.TOLD, "too bad"), "halt_reason": "too bad"}),
        ("regime", {"regime": "bull_trend"}, {"regime": "bull_trend"}),
    ],
)
def test_what_versions_before_kept_says_the_same_today(
    kind: str, fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert as_today(kind, fields) == expected
