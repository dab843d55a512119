"""Something is held that has no price: what the account is worth is uncertain, neither frozen nor a loss."""

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, sent, told
from trader.domain.decisions import TradingState
from trader.domain.signals import Verdict

BTC, XRP, SOL = "BTC/USDT", "XRP/USDT", "SOL/USDT"
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED
UNPRICED = f"no price of {XRP}, of which something is held"


def restarted_without_price(scene: Scene, symbol: str = XRP) -> Scene:
    """A new process has no price of `symbol` yet."""
    scene.engine.state.markets[symbol].book = None
    scene.restart()
    scene.engine.state.markets[symbol].book = None
    scene.reconcile(is_startup=True)
    scene.tick()
    scene.seen.clear()
    return scene


def holding_two() -> Scene:
    scene = a_scene(instruments=coins("BTC", "XRP", "SOL"))
    scene.enter(symbol=BTC)
    scene.enter(symbol=XRP)
    return scene


def worth_at(scene: Scene, **prices: float) -> float:
    """Cash and each position at its price, by hand."""
    return float(scene.cash()) + sum(float(scene.held(f"{base}/USDT")) * price for base, price in prices.items())


def test_a_position_counts_at_its_entry_price_and_the_others_at_theirs() -> None:
    scene = restarted_without_price(holding_two())
    scene.price(99.5, BTC)
    scene.tick()
    assert scene.equity.equity == pytest.approx(worth_at(scene, BTC=99.5, XRP=100.01))
    assert scene.trading() == (REDUCING, (UNPRICED,))


def test_nothing_new_is_opened_until_it_has_a_price() -> None:
    scene = restarted_without_price(holding_two())
    scene.wait(MINUTE_MS)
    row = scene.forecast(symbol=SOL)
    assert (row.verdict, told(row)[0]) == (Verdict.SKIP, f"trading is reducing: {UNPRICED}")
    assert sent(scene.seen) == []
    scene.price(100.0, XRP)
    scene.tick()
    assert scene.trading() == (ACTIVE, ())
    assert scene.equity.equity == pytest.approx(worth_at(scene, BTC=100.0, XRP=100.0))


def test_a_loss_that_is_certain_counts() -> None:
    """Half of BTC's value is lost: more than 10 % of the account, whatever the other one is worth."""
    scene = restarted_without_price(holding_two())
    before = scene.equity.day_start
    scene.price(50.0, BTC)
    scene.tick()
    lost = 1 - worth_at(scene, BTC=50.0, XRP=100.01) / before
    assert lost > 0.10
    assert scene.trading()[0] is HALTED
    assert scene.trading()[1][0].startswith("daily loss ")


def test_what_it_had_won_is_no_loss() -> None:
    """It stood at 150 before; at its entry price the account would be 10 % below its peak."""
    scene = holding_two()
    scene.wait(MINUTE_MS)
    scene.price(150.0, XRP)
    scene.engine.state.positions.exits.clear()
    scene.tick()
    peak = scene.equity.peak
    restarted_without_price(scene)
    assert worth_at(scene, BTC=100.0, XRP=100.01) < 0.95 * peak
    assert scene.trading() == (REDUCING, (UNPRICED,))
    assert scene.equity.peak == peak


def test_coins_without_a_price_or_a_position_are_no_loss_either() -> None:
    """Half of the account is coins from before the first start. Until they have a price nobody knows its worth."""
    scene = Scene(instruments=coins("BTC", "XRP"))
    scene.live()
    for symbol in (BTC, XRP):
        scene.price(100.0, symbol)
    scene.reconcile(is_startup=True, USDT="10000", XRP="100")
    scene.tick()
    assert scene.equity.equity == 20_000
    restarted_without_price(scene)
    assert scene.trading() == (REDUCING, (UNPRICED,))
    assert (scene.equity.equity, scene.equity.peak, scene.equity.day_start) == (20_000, 20_000, 20_000)
    scene.price(84.0, XRP)
    scene.tick()
    assert scene.equity.equity == 18_400
    assert scene.trading() == (REDUCING, ("daily loss 8.0%, at most 5.0%",))


def test_a_currency_that_is_not_traded_is_not_ours_to_value() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.reconcile(DOGE="1000")
    scene.reconcile(DOGE="1000")
    scene.tick()
    assert scene.trading() == (ACTIVE, ())
    assert scene.equity.equity == 10_000
