"""The protective stop: placed with every fill, kept in line with position and plan, and what becomes of trouble."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL, a_perpetual, an_instrument
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, sent
from trader.domain.decisions import CancelOrder, Decision, Level, Notify, RecordTrade, SubmitOrder
from trader.domain.events import CancelRefused, CommandName, InstrumentChanged, OrderAbsent, OrderRefused, OutcomeLost
from trader.domain.orders import OrderIntent, OrderStatus, OrderType, Purpose, Side
from trader.domain.refusals import RefusalCode
from trader.domain.signals import Verdict


def bought(side: Side = Side.BUY, *, speed: float = 1.0) -> tuple[Scene, OrderIntent]:
    """An entry has filled; its stop was sent and has no answer yet."""
    scene = a_scene(perpetual=side is Side.SELL, speed=speed)
    scene.forecast(0.02 * side.sign)
    [entry] = sent(scene.seen)
    [stop] = sent(scene.fill(entry.client_id), Purpose.STOP)
    return scene, stop


def guarded(side: Side = Side.BUY) -> tuple[Scene, OrderIntent]:
    scene, stop = bought(side)
    scene.report(stop.client_id, OrderStatus.OPEN)
    return scene, stop


def stops(decisions: list[Decision]) -> list[OrderIntent]:
    return sent(decisions, Purpose.STOP)


@pytest.mark.parametrize(("side", "price", "reduces"), [(Side.BUY, "99.01", False), (Side.SELL, "100.98", True)])
def test_the_first_fill_sends_a_stop_for_all_of_it(side: Side, price: str, reduces: bool) -> None:
    """On the tick nearer to the market than the plan's own price."""
    scene, stop = bought(side)
    assert (stop.side, stop.quantity, stop.stop_price) == (side.opposite, abs(scene.held()), Decimal(price))
    assert (stop.type, stop.price, stop.reduce_only) == (OrderType.STOP_MARKET, None, reduces)
    assert (stop.decision_id, stop.parent_id) == (scene.plan().decision_id, scene.plan().decision_id)
    assert stop.reference_price == 100.0


def test_a_stop_without_an_answer_is_not_sent_again_and_one_that_rests_is_left_alone() -> None:
    scene, stop = bought()
    assert stops([*scene.tick(), *scene.price(100.1)]) == []
    scene.report(stop.client_id, OrderStatus.OPEN)
    assert stops([*scene.tick(), *scene.price(100.2), *scene.live_on(MINUTE_MS)]) == []


def test_a_position_too_small_for_a_stop_is_watched_by_the_engine() -> None:
    """0.04 coins bought, 4 USDT: the exchange takes no order below 5, so no stop either."""
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    decided = scene.fill(entry.client_id, "0.04", ends=OrderStatus.PARTIALLY_FILLED)
    assert stops(decided) == []
    assert notices(decided, Level.WARNING) == []
    decided = scene.fill(entry.client_id, "1", ends=OrderStatus.PARTIALLY_FILLED)
    assert [stop.quantity for stop in stops(decided)] == [Decimal("1.04")]


def test_a_perpetuals_stop_has_no_least_value() -> None:
    scene = a_scene(
        {"execution": {"algorithm": "limit"}, "exchange": {"market": "perpetual"}},
        instruments=[a_perpetual(min_notional="500")],
    )
    scene.forecast(-0.02)
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    decided = scene.fill(entry.client_id, "0.04", ends=OrderStatus.PARTIALLY_FILLED)
    assert [stop.quantity for stop in stops(decided)] == [Decimal("0.04")]


# --- moving -----------------------------------------------------------------------------------------------


def test_on_spot_a_moved_stop_takes_the_place_of_the_old_one_in_one_request() -> None:
    scene, stop = guarded()
    scene.wait(MINUTE_MS)
    decided = scene.candle(100.6)
    [submit] = of(decided, SubmitOrder)
    assert submit.replaces is not None
    assert submit.replaces.client_id == stop.client_id
    assert submit.approved.intent.stop_price == Decimal("99.60")  # 1 % below the close, up to the tick
    assert of(decided, CancelOrder) == []
    assert stops(scene.candle(101.0)) == []  # nothing more before the exchange has answered
    scene.report(stop.client_id, OrderStatus.CANCELED)
    later = scene.report(submit.approved.intent.client_id, OrderStatus.OPEN)
    assert [again.stop_price for again in stops(later)] == [Decimal("99.99")]


def test_on_a_perpetual_a_moved_stop_rests_beside_the_old_one_which_goes_once_it_does() -> None:
    scene, stop = guarded(Side.SELL)
    scene.wait(MINUTE_MS)
    decided = scene.candle(99.4)
    [submit] = of(decided, SubmitOrder)
    assert submit.replaces is None
    assert submit.approved.intent.stop_price == Decimal("100.39")
    assert of(decided, CancelOrder) == []
    decided = scene.report(submit.approved.intent.client_id, OrderStatus.OPEN)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [stop.client_id]
    assert of(scene.tick(), CancelOrder) == []  # asked for once
    scene.report(stop.client_id, OrderStatus.CANCELED)
    assert scene.stops() == [(abs(scene.held()), Decimal("100.39"))]


def test_a_cancel_that_found_nothing_is_asked_for_again_when_the_order_still_rests() -> None:
    scene, stop = guarded(Side.SELL)
    scene.wait(MINUTE_MS)
    [moved] = stops(scene.candle(99.4))
    scene.report(moved.client_id, OrderStatus.OPEN)
    scene.hear(CancelRefused(client_id=stop.client_id, reason="unknown order"))
    decided = scene.tick()
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [stop.client_id]


@pytest.mark.parametrize("side", list(Side))
def test_the_stop_covers_what_is_held_after_every_fill(side: Side) -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}}, perpetual=side is Side.SELL)
    scene.forecast(0.02 * side.sign)
    [entry] = sent(scene.seen)
    scene.report(entry.client_id, OrderStatus.OPEN)
    scene.ignore()
    for amount in ("5", "3", "2"):
        scene.fill(entry.client_id, amount, ends=OrderStatus.PARTIALLY_FILLED)
        scene.oblige()
        assert [quantity for quantity, _ in scene.stops()] == [abs(scene.held())]


def test_a_closed_position_leaves_no_stop_behind() -> None:
    scene, stop = guarded(Side.SELL)
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    decided = scene.fill(order.client_id)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [stop.client_id]
    assert stops(decided) == []


def test_new_filters_of_the_exchange_are_told_and_the_stop_follows_them() -> None:
    scene, _ = guarded()
    coarse = an_instrument(tick="0.5", step="0.1")
    decided = scene.hear(InstrumentChanged(instrument=coarse))
    [notice] = of(decided, Notify)
    assert (notice.event, notice.level, notice.symbol) == ("instrument.changed", Level.WARNING, SYMBOL)
    assert notice.message == "price tick 0.5, quantity step 0.1, at least 0.00001 BTC and 5 USDT"
    [stop] = stops(decided)
    assert (stop.stop_price, stop.quantity) == (Decimal("99.5"), Decimal("24.9"))
    nothing_held = a_scene()
    assert stops(nothing_held.hear(InstrumentChanged(instrument=coarse))) == []


# --- refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_a_stop_the_exchange_refuses_three_times_closes_the_position(speed: float) -> None:
    """250 ms and 500 ms of network time between the tries, then no more stops: the position goes, all at once."""
    scene, stop = bought(speed=speed)
    scene.price(100.0, size=1.0)  # a patient exit would be split
    for wait_ms in (250, 500):
        decided = scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
        [notice] = [n for n in of(decided, Notify) if n.event == "stop.refused"]
        assert (notice.level, notice.symbol, notice.ref) == (Level.WARNING, SYMBOL, stop.client_id)
        assert stops([*decided, *scene.tick(), *scene.wait(round(wait_ms * speed) - 1)]) == []
        [stop] = stops(scene.wait(1))
    decided = scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
    [alert] = [n for n in of(decided, Notify) if n.level is Level.ALERT]
    assert (alert.symbol, alert.ref) == (SYMBOL, stop.client_id)
    assert (alert.event, alert.message) == (
        "stop.impossible",
        "price_filter: no; closing the position after 3 refusals",
    )
    [exit_order] = sent(decided, Purpose.EXIT)
    assert exit_order.quantity == scene.held()
    scene.oblige()
    assert [trade.trade.reason for trade in of(scene.seen, RecordTrade)] == ["stop could not be placed"]
    assert stops(scene.live_on(5_000)) == []


def test_a_stop_nobody_looked_at_is_tried_on_and_on_at_a_gentler_pace() -> None:
    """Waits of 250 ms, 500 ms, 1 s, then 2 s; a person is told of the 1st, 2nd, 4th and 8th, from the 4th on loudly."""
    scene, stop = bought()
    levels = []
    for tries in range(1, 10):
        decided = scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.NOT_SENT, reason="offline"))
        told = [notice for notice in of(decided, Notify) if notice.event == "stop.refused"]
        levels += [notice.level for notice in told]
        assert [notice.message for notice in told] == (
            [f"not_sent: offline; try {tries}"] if tries in (1, 2, 4, 8) else []
        )
        wait_ms = (250, 500, 1_000, 2_000)[min(tries - 1, 3)]
        assert stops([*decided, *scene.wait(wait_ms - 1)]) == []
        [stop] = stops(scene.wait(1))
    assert levels == [Level.WARNING, Level.WARNING, Level.ALERT, Level.ALERT]
    assert sent(scene.seen, Purpose.EXIT) == []


def test_refusals_count_in_a_row_and_only_those() -> None:
    """Two refusals, then it rests; the next trouble begins anew. What was not looked at is no refusal."""
    scene, stop = bought()
    for _ in range(2):
        scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
        [stop] = stops(scene.wait(1_000))
    for _ in range(3):
        scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.RATE_LIMITED, reason="wait"))
        [stop] = stops(scene.wait(2_000))
    scene.report(stop.client_id, OrderStatus.OPEN)
    [stop] = stops(scene.candle(100.6, open_ms=scene.plan().opened_ms))
    decided = scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
    assert notices(decided) == ["stop.refused"]
    assert sent(decided, Purpose.EXIT) == []


def test_a_stop_that_never_arrived_has_cost_its_time_already() -> None:
    """Proven absent after its wait: another one follows at once, under another name."""
    scene, stop = bought()
    decided = scene.hear(OrderAbsent(client_id=stop.client_id, evidence="not found"))
    [again] = stops([*decided, *scene.wait(0)])
    assert again.client_id != stop.client_id
    assert again.quantity == stop.quantity


def test_a_refused_stop_of_a_position_that_is_leaving_is_let_be() -> None:
    scene, stop = bought(Side.SELL)
    scene.command(CommandName.FLATTEN)
    decided = scene.hear(OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="no"))
    assert notices(decided) == []


def test_a_refused_stop_of_a_position_that_is_gone_is_let_be() -> None:
    scene, stop = bought(Side.SELL)
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    scene.fill(order.client_id)
    decided = scene.hear(
        OrderRefused(client_id=stop.client_id, code=RefusalCode.PRICE_FILTER, reason="reduces nothing")
    )
    assert notices(decided) == []
    assert stops([*decided, *scene.live_on(5_000)]) == []


# --- silent -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 5.0])
@pytest.mark.parametrize("is_lost", [True, False])
@pytest.mark.parametrize("side", list(Side))
def test_a_stop_without_an_answer_for_a_second_gets_one_stand_in(side: Side, is_lost: bool, speed: float) -> None:
    scene, stop = bought(side, speed=speed)
    if is_lost:
        scene.hear(OutcomeLost(client_id=stop.client_id, reason="timeout"))
    scene.wait(round(1_000 * speed) - 1)
    assert stops(scene.tick()) == []
    scene.wait(1)
    decided = scene.tick()
    [again] = stops(decided)
    assert (again.quantity, again.stop_price) == (stop.quantity, stop.stop_price)
    text = "no answer to the protective stop; sending another"
    assert of(decided, Notify) == [
        Notify(Level.WARNING, "stop.silent", text, symbol=scene.symbol, ref=stop.client_id),
    ]
    scene.wait(round(10_000 * speed))
    assert stops(scene.tick()) == []  # the second one is silent too: two are enough


@pytest.mark.parametrize(("side", "kept"), [(Side.BUY, 0), (Side.SELL, 1)])
def test_of_two_stops_that_rest_after_all_one_is_taken_back(side: Side, kept: int) -> None:
    scene, stop = bought(side)
    scene.wait(1_000)
    both = [stop, *stops(scene.tick())]
    scene.report(both[0].client_id, OrderStatus.OPEN)
    decided = scene.report(both[1].client_id, OrderStatus.OPEN)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == [both[1 - kept].client_id]
    scene.report(both[1 - kept].client_id, OrderStatus.CANCELED)
    assert len(scene.stops()) == 1
    assert stops(scene.tick()) == []


def test_a_second_silent_stop_on_a_perpetual_gets_its_own_stand_in() -> None:
    """The moved stop has no answer for a second: another is sent, though the old one still rests."""
    scene, _ = guarded(Side.SELL)
    scene.wait(MINUTE_MS)
    [moved] = stops(scene.candle(99.4))
    scene.wait(1_000)
    decided = scene.tick()
    assert [notice.ref for notice in of(decided, Notify)] == [moved.client_id]
    assert [again.stop_price for again in stops(decided)] == [moved.stop_price]


def test_a_silent_replacement_on_spot_waits_for_evidence() -> None:
    """The old stop holds the coins or the new one does: a third could only be refused."""
    scene, _ = guarded()
    scene.wait(MINUTE_MS)
    scene.candle(100.6)
    scene.wait(5_000)
    decided = scene.tick()
    assert (stops(decided), notices(decided)) == ([], [])


def test_every_stop_of_a_plan_has_a_name_of_its_own() -> None:
    scene, stop = guarded()
    names = [stop.client_id]
    for close in (100.6, 100.9, 101.2):
        scene.candle(close, open_ms=scene.plan().opened_ms)
        scene.oblige()
        names = [each.client_id for each in stops(scene.seen)]
    assert len(set(names)) == len(names) >= 4


def test_a_stop_is_found_again_after_a_restart() -> None:
    scene, stop = guarded()
    scene.restart()
    decided = [*scene.reconcile(is_startup=True), *scene.tick()]
    assert stops(decided) == []
    assert scene.stops() == [(scene.held(), stop.stop_price)]


def test_a_replacement_on_its_way_is_still_known_after_a_restart() -> None:
    """The old stop holds the coins until the exchange says what became of the new one: no third is sent meanwhile."""
    scene, old = guarded()
    scene.wait(MINUTE_MS)
    [new] = stops(scene.candle(100.6))
    scene.restart()
    scene.wait(5_000)
    opened_ms = scene.plan().opened_ms
    scene.price(101.2)
    decided = [*scene.reconcile(is_startup=True), *scene.candle(101.2, open_ms=opened_ms), *scene.tick()]
    assert (stops(decided), of(decided, CancelOrder)) == ([], [])
    [last] = stops(scene.report(old.client_id, OrderStatus.CANCELED))  # nothing may rest now: not a moment longer
    assert last.stop_price is not None
    assert new.stop_price is not None
    assert last.stop_price > new.stop_price


def test_a_replacement_that_never_arrived_leaves_the_old_stop_to_be_replaced_again() -> None:
    """After a restart too, which knows what was to be replaced: until there is evidence, the old stop is left alone."""
    scene, old = guarded()
    scene.wait(MINUTE_MS)
    [new] = stops(scene.candle(100.6))
    scene.restart()
    assert (scene.order(new.client_id).replaces, scene.order(old.client_id).replaces) == (old.client_id, "")
    waiting = [*scene.reconcile(is_startup=True), *scene.wait(5_000), *scene.tick()]
    assert (stops(waiting), of(waiting, CancelOrder)) == ([], [])
    decided = scene.hear(OrderAbsent(client_id=new.client_id, evidence="never seen"))
    [again] = stops(decided)
    [sent_again] = of(decided, SubmitOrder)
    assert sent_again.replaces is not None
    assert (sent_again.replaces.client_id, again.stop_price) == (old.client_id, new.stop_price)


@pytest.mark.parametrize("side", list(Side))
def test_a_stop_that_had_its_stand_in_gets_no_other_after_a_restart(side: Side) -> None:
    scene, stop = bought(side)
    scene.wait(1_000)
    [second] = stops(scene.tick())
    scene.hear(OrderRefused(client_id=second.client_id, code=RefusalCode.INSUFFICIENT_FUNDS, reason="held"))
    scene.restart()
    assert scene.order(second.client_id).stands_in_for == stop.client_id
    scene.wait(5_000)
    decided = [*scene.reconcile(is_startup=True), *scene.tick(), *scene.wait(5_000), *scene.tick()]
    assert stops(decided) == []
    [last] = stops(scene.hear(OrderAbsent(client_id=stop.client_id, evidence="never seen")))
    assert last.quantity == stop.quantity


def test_a_position_found_without_its_stop_is_protected_as_soon_as_the_account_is_known() -> None:
    scene, stop = guarded()
    scene.restart()
    scene.report(stop.client_id, OrderStatus.CANCELED)
    assert stops(scene.tick()) == []
    [again] = stops(scene.reconcile(is_startup=True))
    assert (again.quantity, again.stop_price) == (stop.quantity, stop.stop_price)


def test_stops_of_one_symbol_are_no_business_of_another() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.enter(symbol="BTC/USDT")
    scene.wait(MINUTE_MS)
    assert scene.forecast(symbol="XRP/USDT").verdict is Verdict.ENTER
    scene.oblige()
    assert [quantity for quantity, _ in scene.stops("BTC/USDT")] == [scene.held("BTC/USDT")]
    assert [quantity for quantity, _ in scene.stops("XRP/USDT")] == [scene.held("XRP/USDT")]
