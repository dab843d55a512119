"""Protective stops that need nothing, that just need moving, and that are left where they are while a position ends."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, of, sent
from tests.unit.engine.test_strategies import Scripted
from trader.domain.decisions import CancelOrder, SubmitOrder
from trader.domain.events import CommandName
from trader.domain.orders import Order, OrderStatus, Purpose, Side
from trader.engine.desk import Desk
from trader.strategy import Enter, Keep


def guarded(*, perpetual: bool = False) -> Scene:
    scene = a_scene(perpetual=perpetual)
    scene.enter()
    scene.seen.clear()
    return scene


def test_a_stop_that_rests_unchanged_is_not_looked_for_at_every_price(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = guarded()
    scene.tick()
    looked: list[str] = []

    def looking(_desk: Desk, symbol: str) -> list[Order]:
        looked.append(symbol)
        return []

    monkeypatch.setattr(Desk, "resting_stops", looking)
    for price in (100.1, 100.0, 100.1):
        scene.price(price)
        scene.tick()
    assert looked == []


def test_a_stop_on_its_way_is_taken_back_once_it_rests_where_the_position_has_gone() -> None:
    """Not before: a cancel that overtakes its order finds nothing."""
    scene = a_scene(perpetual=True)
    scene.forecast()
    [entry] = sent(scene.seen)
    [stop] = sent(scene.fill(entry.client_id), Purpose.STOP)
    scene.command(CommandName.FLATTEN)
    [leaving] = sent(scene.seen, Purpose.FLATTEN)
    decided = scene.fill(leaving.client_id)
    assert scene.held() == 0
    assert of(decided, CancelOrder) == []
    assert [c.ref.client_id for c in of(scene.report(stop.client_id, OrderStatus.OPEN), CancelOrder)] == [
        stop.client_id
    ]


@pytest.mark.parametrize(("second", "moves"), [(99.99, False), (100.0, True)])
def test_a_stop_is_moved_by_half_a_tenth_of_a_percent_and_not_by_less(second: float, moves: bool) -> None:
    """0.0005 of 100.00 are 0.05 exactly."""
    entry = Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002)
    scene = a_scene(strategy=Scripted(entry, Keep(stop_price=99.95), Keep(stop_price=second)))
    scene.enter()
    scene.price(105.0)
    expected = [Decimal("99.95"), Decimal(str(second)) if moves else Decimal("99.95")]
    for price in expected:
        scene.wait(MINUTE_MS)
        scene.forecast()
        scene.oblige()
        assert [stop for _, stop in scene.stops()] == [price]


def test_a_stop_that_stands_in_for_none_says_so() -> None:
    scene = a_scene()
    scene.enter()
    [stop] = scene.resting()
    assert scene.order(stop.client_id).stands_in_for == ""


def test_on_a_perpetual_the_stop_is_not_resized_with_every_fill_of_an_exit() -> None:
    scene = guarded(perpetual=True)
    held = scene.held()
    scene.command(CommandName.FLATTEN)
    [leaving] = sent(scene.seen, Purpose.FLATTEN)
    decided = scene.fill(leaving.client_id, held / 2, ends=OrderStatus.PARTIALLY_FILLED)
    decided += scene.tick()
    assert of(decided, SubmitOrder) == []
    assert [quantity for quantity, _ in scene.stops()] == [held]
    scene.fill(leaving.client_id)
    scene.oblige()
    assert scene.held() == 0
    assert scene.stops() == []


def test_a_stop_that_trails_is_moved_by_the_price_that_moves_it_and_by_no_other() -> None:
    scene = guarded()
    plans = scene.engine.state.positions.plans
    plans[scene.symbol] = msgspec.structs.replace(scene.plan(), partial_done=True, trailing=True)
    assert len(sent(scene.price(104.0), Purpose.STOP)) == 1
    scene.oblige()
    assert sent(scene.price(103.9), Purpose.STOP) == []
