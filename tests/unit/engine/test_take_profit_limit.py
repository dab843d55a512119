"""A profit that is offered as a limit: it rests beside the stop, and never sells what another way has sold."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, of, sent, total
from trader.domain.closing import CloseReason
from trader.domain.decisions import CancelOrder, RecordTrade
from trader.domain.orders import OrderType, Purpose, Side, TimeInForce


def holding(
    side: Side = Side.BUY, *, perpetual: bool = True, risk: Mapping[str, object] = MappingProxyType({})
) -> Scene:
    """A perpetual entered with R = 1 % and its stop 1 % away."""
    scene = a_scene({"risk": {"take_profit": "limit", **risk}}, perpetual=perpetual)
    scene.wait(-scene.now_ms % MINUTE_MS)
    scene.enter(0.02 * side.sign)
    return scene


def reach(scene: Scene, r: float) -> None:
    plan = scene.plan()
    scene.price(plan.entry_price + plan.side.sign * (r * plan.r_quote + 0.01))


def offered(side: Side, **risk: object) -> tuple[Scene, Decimal, str]:
    """At 2 R: (scene, what was held, client id of the limit that rests)."""
    scene = holding(side, risk=risk)
    held = abs(scene.held())
    reach(scene, 2.001)
    [order] = sent(scene.seen, Purpose.EXIT)
    assert (order.type, order.post_only, order.reduce_only) == (OrderType.LIMIT, True, True)
    assert (order.side, order.quantity) == (side.opposite, half_of(scene, held))
    scene.oblige()
    return scene, held, order.client_id


def half_of(scene: Scene, held: Decimal) -> Decimal:
    return scene.instruments[scene.symbol].round_quantity(held / 2)


def reasons(scene: Scene) -> list[CloseReason]:
    return [trade.trade.reason for trade in of(scene.seen, RecordTrade)]


SIDES = pytest.mark.parametrize("side", list(Side))


@SIDES
def test_half_is_offered_and_the_stop_guards_all_of_it_until_it_is_taken(side: Side) -> None:
    scene, held, limit_id = offered(side)
    plan = scene.plan()
    assert (plan.partial_done, plan.stop_price) == (True, plan.entry_price)
    assert [quantity for quantity, _ in scene.stops()] == [held]
    scene.fill(limit_id)
    scene.oblige()
    scene.tick()
    scene.oblige()
    assert abs(scene.held()) == held - half_of(scene, held)
    assert [quantity for quantity, _ in scene.stops()] == [abs(scene.held())]
    assert len(sent(scene.seen, Purpose.EXIT)) == 1


@SIDES
@pytest.mark.parametrize("taken", ["0", "1"])
def test_what_nobody_takes_is_sold_at_the_market(side: Side, taken: str) -> None:
    scene, held, limit_id = offered(side)
    if taken != "0":
        scene.fill(limit_id, taken)
    scene.live_on(200_000)  # `execution.limit_timeout_s` is 180
    assert abs(scene.held()) == held - half_of(scene, held)
    [*_, last] = sent(scene.seen, Purpose.EXIT)
    assert last.time_in_force is TimeInForce.IOC
    assert not scene.is_leaving()


@SIDES
@pytest.mark.parametrize("taken", ["0", "1"])
def test_back_at_the_stop_the_offer_is_withdrawn_and_everything_sold(side: Side, taken: str) -> None:
    scene, held, limit_id = offered(side)
    if taken != "0":
        scene.fill(limit_id, taken)
    before = len(sent(scene.seen, Purpose.EXIT))
    reach(scene, -0.001)
    assert [cancel.ref.client_id for cancel in of(scene.seen, CancelOrder)][-1] == limit_id
    scene.oblige()
    sold = sent(scene.seen, Purpose.EXIT)[before:]
    assert {order.time_in_force for order in sold} == {TimeInForce.IOC}
    assert total(sold) == held - Decimal(taken)
    assert scene.held() == 0
    assert scene.resting() == []
    assert reasons(scene) == [CloseReason.BREAK_EVEN]


@SIDES
def test_the_offer_that_is_taken_while_it_is_withdrawn_is_not_sold_twice(side: Side) -> None:
    scene, held, limit_id = offered(side)
    reach(scene, -0.001)
    scene.ignore()
    scene.fill(limit_id)
    scene.oblige()
    assert total(sent(scene.seen, Purpose.EXIT)[1:]) == held - half_of(scene, held)
    assert scene.held() == 0


@SIDES
def test_when_the_stop_fills_at_the_exchange_the_offer_is_withdrawn(side: Side) -> None:
    scene, _, limit_id = offered(side)
    stop = next(order for order in scene.resting() if order.purpose is Purpose.STOP)
    scene.fill(stop.client_id, price=stop.stop_price)
    assert limit_id in [cancel.ref.client_id for cancel in of(scene.seen, CancelOrder)]
    scene.oblige()
    assert scene.held() == 0
    assert scene.resting() == []
    assert not scene.is_leaving()


@SIDES
def test_the_forecast_that_turns_does_not_wait_for_it(side: Side) -> None:
    scene, _, _ = offered(side)
    scene.wait(MINUTE_MS)
    scene.oblige()
    scene.forecast(-0.02 * side.sign)
    scene.oblige()
    assert scene.held() == 0
    assert reasons(scene) == [CloseReason.SIGNAL_TURNED]


@SIDES
def test_it_goes_on_after_a_restart(side: Side) -> None:
    scene, held, limit_id = offered(side)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.oblige()
    assert scene.plan().partial_done
    scene.fill(limit_id)
    scene.tick()
    scene.oblige()
    assert abs(scene.held()) == held - half_of(scene, held)
    assert len(sent(scene.seen, Purpose.EXIT)) == 1


@SIDES
def test_when_the_stop_filled_while_nobody_ran_the_offer_is_withdrawn_at_the_start(side: Side) -> None:
    scene, _, limit_id = offered(side)
    stop = next(order for order in scene.resting() if order.purpose is Purpose.STOP)
    scene.restart()
    scene.fill(stop.client_id, price=stop.stop_price)
    scene.reconcile(is_startup=True)
    assert limit_id in [cancel.ref.client_id for cancel in of(scene.seen, CancelOrder)]
    scene.oblige()
    assert scene.held() == 0
    assert scene.resting() == []
    assert not scene.is_leaving()


@SIDES
def test_a_target_that_closes_is_offered_too(side: Side) -> None:
    scene, _, limit_id = offered(side, at_target="close")
    scene.fill(limit_id)
    scene.oblige()
    scene.tick()
    scene.oblige()
    reach(scene, 3.001)
    [_, order] = sent(scene.seen, Purpose.EXIT)
    assert (order.post_only, order.quantity) == (True, abs(scene.held()))
    scene.oblige()
    assert len(scene.stops()) == 1
    scene.fill(order.client_id)
    scene.oblige()
    assert scene.held() == 0
    assert scene.resting() == []
    assert reasons(scene) == [CloseReason.TAKE_PROFIT]


def test_on_spot_the_stop_holds_the_coins_and_half_goes_to_the_market() -> None:
    scene = holding(perpetual=False)
    reach(scene, 2.001)
    scene.oblige()
    assert [order.time_in_force for order in sent(scene.seen, Purpose.EXIT)] == [TimeInForce.IOC]
