"""Exits as they are asked for: which wish overrides which, what is kept of one, and in how many slices it goes."""

from decimal import Decimal

import pytest

from tests.kit.builders import SYMBOL, an_instrument
from tests.kit.situations import Scene, a_scene, of, sent
from trader.domain.closing import CloseReason
from trader.domain.decisions import Notify, RecordExecution
from trader.domain.instrument import ZERO
from trader.domain.orders import Purpose
from trader.engine.desk import Desk
from trader.engine.positions.exits import ask_exit
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


def test_two_slices_are_halves_and_are_told() -> None:
    """Thirds of the thousand USDT would be below what the exchange takes."""
    scene, desk = held(min_notional="400")
    scene.price(100.0, size=0.5)
    ask(desk, "10")
    found = wanted(scene)
    assert found is not None
    assert (found.quantity, found.later, found.slices) == (Decimal(5), Decimal(5), 1)
    [told] = [n.message for n in of(desk.out, Notify) if n.event == "exit.asked"]
    assert told == "partial: 10 in 2 slices"
