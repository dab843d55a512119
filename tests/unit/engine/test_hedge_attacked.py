"""Attacks on the hedge: to and fro within a candle, and a short that nothing is left to hedge."""

from decimal import Decimal

from tests.kit.builders import a_fill
from tests.kit.situations import Scene, sent
from tests.unit.engine.test_hedge import BETAS, BTC, ETH, SOL, a_hedged, a_market, hedges, move
from trader.domain import decisions as d
from trader.domain.events import FillArrived
from trader.domain.orders import OrderStatus, Purpose, TimeInForce


def without_stops(scene: Scene, decided: list[d.Decision], ticks: int) -> list[d.Decision]:
    """An exchange that does at once what it is asked for, and takes no stop in the hedge's symbol."""
    found, asked = list(decided), sent(decided)
    for _ in range(ticks):
        while asked:
            intent = asked.pop(0)
            if intent.time_in_force is TimeInForce.IOC:
                news = scene.fill(intent.client_id)
            elif intent.symbol == BTC:
                news = scene.report(intent.client_id, OrderStatus.REJECTED, reason="no stops here")
            else:
                news = scene.report(intent.client_id, OrderStatus.OPEN)
            found, asked = [*found, *news], [*asked, *sent(news)]
        news = [*scene.wait(1_000), *scene.tick()]
        found, asked = [*found, *news], sent(news)
    return found


def test_where_no_stop_is_taken_there_is_one_hedge_until_the_leaders_next_close() -> None:
    """It was opened and closed again every few seconds, for the fees of both."""
    scene = a_market()
    scene.enter(symbol=ETH)
    decided = without_stops(scene, scene.heard_forecast(symbol=SOL), 30)
    assert len(sent(decided, Purpose.HEDGE)) == 1
    assert not scene.held(BTC)


def test_a_hedge_that_was_closed_by_hand_is_opened_anew_at_the_leaders_next_close() -> None:
    scene = a_hedged()
    scene.wait(1_000)
    by_hand = a_fill(
        "h-1", symbol=BTC, quantity=-scene.held(BTC), client_id="", exchange_order_id="h-1", ts_ms=scene.now_ms
    )
    scene.hear(FillArrived(fill=by_hand))
    scene.reconcile(positions=[each for each in scene.margined() if each.symbol != BTC])
    assert not scene.held(BTC)
    assert not sent(scene.live_on(20_000), Purpose.HEDGE)
    assert len(sent(move(scene, BETAS, 2), Purpose.HEDGE)) == 1


def test_what_was_counted_and_never_bought_is_hedged_no_more() -> None:
    """ETH and SOL fill by a tenth of their quarter, 0.15 in all, and are given up: a short of 0.2 would be the bet."""
    scene = a_market()
    for symbol in (ETH, SOL):
        scene.price(100.0, symbol, size=1.0)  # so that it takes slices
        scene.forecast(symbol=symbol)
    scene.oblige()
    scene.tick()
    scene.oblige()
    assert hedges(scene) < 0
    scene.tick()
    for symbol in (ETH, SOL):
        scene.override(symbol=symbol, stance="reduce-only")
    scene.oblige()
    assert 0 < scene.held(ETH) + scene.held(SOL) < Decimal(6)
    scene.tick()
    scene.oblige()
    assert not scene.held(BTC)
