"""Exits as they are asked for: which wish overrides which, what is kept of one, and in how many slices it goes."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import SYMBOL, an_instrument
from tests.kit.situations import MINUTE_MS, Scene, a_scene, of, sent
from trader.domain.closing import CloseReason
from trader.domain.decisions import Notify, RecordExecution, SetTimer
from trader.domain.events import CommandName, OrderRefused
from trader.domain.instrument import ZERO
from trader.domain.market import Book, Levels
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.refusals import RefusalCode
from trader.domain.timers import TimerId, TimerKind
from trader.engine.desk import Desk
from trader.engine.positions.exits import ask_exit, begin_again
from trader.engine.state.kept import PendingExit


def held(min_notional: str = "5") -> tuple[Scene, Desk]:
    """Ten coins; their stop was sent and has no answer yet, so that no exit is free to sell them."""
    scene = a_scene(instruments=[an_instrument(min_notional=min_notional)])
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "10")
    scene.seen.clear()
    return scene, Desk(scene.settings, scene.engine.state, {})


def wanted(scene: Scene) -> PendingExit | None:
    return scene.engine.state.positions.exits.get(SYMBOL)


def ask(desk: Desk, quantity: str, *, is_urgent: bool = False) -> None:
    reason = CloseReason.STOP if is_urgent else CloseReason.PARTIAL
    ask_exit(desk, SYMBOL, Decimal(quantity), reason, Purpose.EXIT, is_urgent=is_urgent)


@pytest.mark.parametrize(
    ("first", "second", "changes"),
    [
        (("4", False), ("4", False), False),
        (("4", False), ("3", False), False),
        (("4", False), ("5", False), True),
        (("4", False), ("4", True), True),
        (("4", False), ("10", True), True),
        (("4", True), ("10", False), False),  # what is urgent is on its way already
        (("10", True), ("10", True), False),
    ],
)
def test_a_wish_gives_way_to_one_for_more_or_a_more_urgent_one(
    first: tuple[str, bool], second: tuple[str, bool], changes: bool
) -> None:
    scene, desk = held()
    ask(desk, first[0], is_urgent=first[1])
    before = wanted(scene)
    assert before is not None
    assert (before.total, before.is_urgent) == (Decimal(first[0]), first[1])
    ask(desk, second[0], is_urgent=second[1])
    after = wanted(scene)
    assert after is not None
    assert (after is not before) is changes
    if changes:
        assert (after.total, after.is_urgent) == (Decimal(second[0]), second[1])


def test_a_wish_for_nothing_is_none() -> None:
    scene, desk = held()
    ask_exit(desk, SYMBOL, ZERO, CloseReason.HORIZON, Purpose.EXIT)
    assert wanted(scene) is None
    assert desk.out == []


def test_a_wish_knows_when_and_at_which_price_it_was_decided() -> None:
    scene, desk = held()
    scene.wait(5_000)
    scene.price(100.5)
    ask(desk, "4")
    found = wanted(scene)
    assert found is not None
    assert (found.decided_price, found.decided_ms, found.asked_ms) == (100.5, scene.now_ms, scene.now_ms)


def test_its_report_measures_from_the_price_it_was_decided_at_also_when_it_had_to_wait() -> None:
    scene = a_scene()
    scene.enter()
    scene.seen.clear()
    scene.wait(5_000)
    scene.price(98.5)  # through the stop
    decided_ms = scene.now_ms
    scene.oblige()
    [report] = [r.report for r in of(scene.seen, RecordExecution) if r.report.purpose is Purpose.EXIT]
    assert (report.decision_price, report.decided_ms) == (Decimal("98.5"), decided_ms)


def test_a_person_reads_what_is_closed_where_and_why() -> None:
    scene, desk = held()
    ask(desk, "4")
    [told] = [n for n in of(desk.out, Notify) if n.event == "exit.asked"]
    assert (told.message, told.symbol) == ("partial: 4", SYMBOL)
    assert scene.held() == 10


@pytest.mark.parametrize(
    ("min_notional", "slices"),
    [("5", 10), ("400", 2), ("600", 1), ("1001", 1)],  # of a thousand USDT
)
def test_slices_are_as_many_as_the_exchange_takes_and_at_least_one(min_notional: str, slices: int) -> None:
    scene, desk = held(min_notional)
    scene.price(100.0, size=0.4)
    ask(desk, "10")
    found = wanted(scene)
    assert found is not None
    assert (found.quantity, found.slices, found.total) == (Decimal(10) / slices, slices - 1, Decimal(10))
    [told] = [n.message for n in of(desk.out, Notify) if n.event == "exit.asked"]
    assert told == (f"partial: 10 in {slices} slices" if slices > 1 else "partial: 10")


@pytest.mark.parametrize(
    ("bids", "slices"),
    [
        (((100.0, 5.0), (99.0, 5.0)), 1),  # 50 bp on average: just what is not split
        (((100.0, 5.0), (98.99, 5.0)), 3),
        (((100.0, 1.0),), 10),
    ],
)
def test_an_exit_is_split_where_one_order_moves_the_side_it_sells_to(bids: Levels, slices: int) -> None:
    scene, desk = held()
    desk.market(SYMBOL).book = Book(SYMBOL, scene.now_ms, bids, ((100.01, 1_000.0),))
    ask(desk, "10")
    assert (found := wanted(scene)) is not None
    assert found.slices == slices - 1


def test_without_a_book_a_wish_is_one_and_waits() -> None:
    scene, desk = held()
    desk.market(SYMBOL).book = None
    ask(desk, "10")
    assert (found := wanted(scene)) is not None
    assert (found.slices, found.total, found.parent_id) == (0, Decimal(10), "")


# --- how they are carried out -----------------------------------------------------------------------------


def guarded(*, perpetual: bool = False, **settings: object) -> Scene:
    scene = a_scene(settings, perpetual=perpetual)
    scene.enter()
    scene.seen.clear()
    return scene


def leaving(scene: Scene) -> PendingExit:
    return scene.engine.state.positions.exits[scene.symbol]


def sold(scene: Scene) -> list[Decimal]:
    """What each order out was about."""
    return [intent.quantity for intent in sent(scene.seen) if intent.purpose in (Purpose.EXIT, Purpose.FLATTEN)]


def ask_of(scene: Scene, quantity: Decimal) -> None:
    desk = Desk(scene.settings, scene.engine.state, {})
    ask_exit(desk, scene.symbol, quantity, CloseReason.SIGNAL_TURNED, Purpose.EXIT)
    scene.seen += desk.out
    for timer in of(desk.out, SetTimer):
        scene.timers[timer.timer] = timer.due_ms


@pytest.mark.parametrize("more", ["-0.03", "0", "2"])
def test_what_would_be_left_is_sold_too_and_never_more_than_is_held(more: str) -> None:
    """3 USDT of it could be neither sold nor protected."""
    scene = guarded()
    whole = scene.held()
    ask_of(scene, whole + Decimal(more))
    assert sold(scene) == [whole]


def test_an_exit_waits_for_a_book() -> None:
    scene = guarded(perpetual=True)
    scene.engine.state.markets[scene.symbol].book = None
    scene.command(CommandName.FLATTEN)
    assert (sold(scene), leaving(scene).parent_id) == ([], "")
    scene.price(100.0)
    assert sold(scene) == [scene.held()]


def test_the_rest_of_a_try_is_wanted_on_also_where_no_book_is_known() -> None:
    scene = guarded(perpetual=True, sizing={"position_notional_cap_frac": 0.005})
    assert 0 < scene.held() < 1
    scene.command(CommandName.FLATTEN)
    scene.engine.state.markets[scene.symbol].book = None
    [order] = sent(scene.seen, Purpose.FLATTEN)
    scene.report(order.client_id, OrderStatus.CANCELED)
    assert scene.is_leaving()
    assert leaving(scene).total == scene.held()


@pytest.mark.parametrize("side", Side)
def test_less_than_one_coin_is_left_on_its_other_side(side: Side) -> None:
    scene = a_scene({"sizing": {"position_notional_cap_frac": 0.005}}, perpetual=True)
    scene.enter(0.02 * side.sign)
    assert 0 < abs(scene.held()) < 1
    scene.command(CommandName.FLATTEN)
    [order] = sent(scene.seen, Purpose.FLATTEN)
    assert order.side is side.opposite


def test_a_rest_of_the_least_quantity_goes_with_the_last_slices() -> None:
    scene = guarded(perpetual=True)
    scene.price(100.0, size=1.0)
    ask_of(scene, scene.held() - Decimal("0.001"))
    [first] = sent(scene.seen, Purpose.EXIT)
    scene.fill(first.client_id)
    scene.live_on(10 * MINUTE_MS)
    assert scene.held() == 0


def test_the_slices_after_the_first_know_what_the_first_knew() -> None:
    scene = guarded(perpetual=True)
    scene.price(100.0, size=1.0)
    whole, decided_ms = scene.held(), scene.now_ms
    ask_of(scene, whole)
    scene.wait(1_000)
    [first] = sent(scene.seen, Purpose.EXIT)
    scene.fill(first.client_id)
    scene.price(101.0, size=1.0)
    found = leaving(scene)
    assert (found.decided_price, found.decided_ms, found.asked_ms) == (100.0, decided_ms, scene.now_ms)
    assert (found.total, found.is_urgent) == (whole - first.quantity, False)
    scene.price(90.0, size=30.0)  # the stop: all of it, at once, in one order
    assert (leaving(scene).total, leaving(scene).is_urgent) == (whole - first.quantity, True)


def test_an_exit_of_what_has_no_plan_is_named_by_its_symbol() -> None:
    scene = a_scene({"risk": {"startup_policy": "flatten"}})
    scene.enter()
    scene.lose("plan")
    scene.restart()
    scene.reconcile()
    assert {intent.decision_id for intent in sent(scene.seen, Purpose.FLATTEN)} == {"btcusdt"}


# --- tries ------------------------------------------------------------------------------------------------


def test_a_try_that_sold_a_part_leaves_a_wish_for_the_rest() -> None:
    scene = guarded(perpetual=True)
    scene.command(CommandName.FLATTEN)
    scene.wait(1_000)
    whole = scene.held()
    while not leaving(scene).attempt:
        *_, order = sent(scene.seen, Purpose.FLATTEN)
        scene.fill(order.client_id, "1", ends=OrderStatus.CANCELED)
        scene.wait(500)
    found = leaving(scene)
    assert found.quantity == scene.held() < whole
    assert (found.parent_id, found.attempt, found.waits) == ("", 1, 0)
    [told] = [n for n in of(scene.seen, Notify) if n.event == "exit.incomplete"]
    assert told.symbol == scene.symbol


def test_an_exchange_that_cannot_be_asked_leaves_the_wish_for_what_is_left() -> None:
    scene = guarded(perpetual=True)
    scene.command(CommandName.FLATTEN)
    scene.wait(1_000)
    scene.fill(sent(scene.seen, Purpose.FLATTEN)[0].client_id, "1", ends=OrderStatus.CANCELED)
    while not leaving(scene).waits:
        scene.wait(1_000)
        order = sent(scene.seen, Purpose.FLATTEN)[-1]
        scene.hear(OrderRefused(client_id=order.client_id, code=RefusalCode.NOT_SENT, reason="offline"))
    found = leaving(scene)
    assert (found.total, found.parent_id, found.waits) == (scene.held(), "", 1)
    assert found.asked_ms == scene.now_ms
    [told] = [n for n in of(scene.seen, Notify) if n.event == "exit.waiting"]
    assert told.symbol == scene.symbol


@pytest.mark.parametrize(
    ("left", "attempt", "goes_on"),
    [("5", 0, True), ("0.5", 6, True), ("5", 7, False), ("0", 0, False)],  # eight tries of one exit
)
def test_an_exit_whose_order_is_gone_begins_again_a_few_times(left: str, attempt: int, goes_on: bool) -> None:
    scene, desk = held()
    ask(desk, "10")
    before = wanted(scene)
    assert before is not None
    desk.begin()
    desk.state.now_ms += 60_000
    begin_again(desk, msgspec.structs.replace(before, attempt=attempt, parent_id="gone"), Decimal(left))
    after = wanted(scene)
    if not goes_on:
        assert after is None
        assert of(desk.out, SetTimer) == []
        return
    assert after is not None
    assert (after.quantity, after.parent_id, after.attempt) == (Decimal(left), "", attempt + 1)
    due_ms = desk.now_ms + 5_000
    assert (after.asked_ms, after.not_before_ms) == (desk.now_ms, due_ms)
    assert of(desk.out, SetTimer) == [SetTimer(TimerId(TimerKind.EXIT, SYMBOL), due_ms)]
