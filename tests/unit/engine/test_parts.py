"""A position in parts: one a close while the entry's bar holds, netted, under the caps of one."""

from decimal import Decimal

import pytest

from tests.kit.builders import a_context
from tests.kit.situations import MINUTE_MS, Scene, a_scene, of, quantity, sent, told
from trader.domain.decisions import RecordTrade
from trader.domain.orders import Purpose, Side
from trader.domain.signals import Verdict

# 0.1 % of 10,000 at risk, 1 % away: a whole of 1,000 USDT, bought at 100.01 and worth at most 100.31 (0.3 % through)
SMALL = {"rule": "fixed", "fixed_frac": 0.001, "tranches": 4}
LEAST_EDGE = 0.0023  # of the bar of 22 bp


def building(perpetual: bool = False, **sizing: object) -> Scene:
    return a_scene({"sizing": {**SMALL, **sizing}}, perpetual=perpetual)


def part(scene: Scene, prediction: float = 0.02) -> float:
    """The quantity of the part that the next close adds, filled and guarded."""
    record = scene.forecast(prediction)
    assert record.verdict is Verdict.ENTER, told(record)
    scene.oblige()
    scene.tick()
    scene.oblige()
    scene.wait(MINUTE_MS)
    return float(quantity(record))


@pytest.mark.parametrize("side", list(Side))
def test_four_parts_make_the_whole_and_a_fifth_is_not_added(side: Side) -> None:
    whole = part(building(perpetual=True, tranches=1), 0.02 * side.sign)
    scene = building(perpetual=True)
    parts = [part(scene, 0.02 * side.sign) for _ in range(4)]
    assert parts == pytest.approx([whole / 4] * 4, rel=0.01)
    assert abs(float(scene.held())) == pytest.approx(whole, rel=0.01)
    record = scene.forecast(0.02 * side.sign)
    assert (record.verdict, told(record)) == (Verdict.HOLD, ("edge holds",))


def test_each_row_says_which_part_it_is() -> None:
    scene = building()
    rows = []
    for _ in range(4):
        rows.append(told(scene.forecast(0.02)))
        scene.oblige()
        scene.wait(MINUTE_MS)
    assert [next(reason for reason in row if reason.startswith("part")) for row in rows] == [
        f"part {number} of 4" for number in (1, 2, 3, 4)
    ]


def test_parts_are_one_position_with_one_plan_and_one_stop() -> None:
    scene = building()
    first = scene.forecast(0.02)
    scene.oblige()
    scene.wait(MINUTE_MS)
    scene.price(102.0)
    part(scene)
    plan, held = scene.plan(), scene.held()
    assert (plan.decision_id, plan.parts, plan.opened_ms) == (first.decision_id, 2, scene.position().opened_ms)
    assert plan.entry_price == pytest.approx(float(scene.position().entry_price))
    assert 100.01 < plan.entry_price < 102.01
    [(guarded, stop_price)] = scene.stops()
    assert guarded == held
    assert float(stop_price or 0) == pytest.approx(plan.stop_price, abs=0.01)


def test_a_part_bought_lower_does_not_loosen_the_stop_and_leaves_r_alone() -> None:
    scene = building()
    part(scene)
    before = scene.plan()
    scene.price(99.5)
    part(scene)
    after = scene.plan()
    assert after.entry_price < before.entry_price
    assert after.stop_price == before.stop_price
    assert after.r_frac == before.r_frac


def test_a_part_moves_the_horizon_out() -> None:
    scene = building()
    part(scene)
    before = scene.plan().horizon_end_ms
    part(scene)
    assert scene.plan().horizon_end_ms == before + MINUTE_MS


@pytest.mark.parametrize(
    ("prediction", "context", "told_of"),
    [
        (0.0021, None, ("edge holds",)),  # to hold is not enough to add
        (0.02, a_context(), ("edge holds",)),  # nothing confirms it
        (0.0, None, ("edge gone, waiting for the exits",)),
    ],
)
def test_a_part_needs_all_that_an_entry_needs(prediction: float, context: object, told_of: tuple[str, ...]) -> None:
    scene = building()
    part(scene)
    record = scene.forecast(prediction, context=context)  # type: ignore[arg-type]  # a context or none
    assert (record.verdict, told(record)) == (Verdict.HOLD, told_of)


def test_what_blocks_an_entry_blocks_a_part_and_is_told() -> None:
    scene = building()
    part(scene)
    scene.override(stance="reduce-only")
    record = scene.forecast(0.02)
    assert (record.verdict, record.side) == (Verdict.HOLD, Side.BUY)
    assert told(record) == ("edge holds", "no part added (override: reduce-only by test)")
    assert len(sent(scene.seen, Purpose.ENTRY)) == 1


def test_caps_bind_the_position_and_not_its_parts() -> None:
    """A risk of 5 % would be 5 x equity: a quarter of it is the cap, in four parts."""
    scene = building(fixed_frac=0.05)
    for number in range(1, 5):
        part(scene)
        worth = float(scene.held()) * 100.0 / 10_000
        assert worth <= 0.25
        assert worth == pytest.approx(0.25 * number / 4, rel=0.02)
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.HOLD


def test_the_position_risks_no_more_than_the_whole_would() -> None:
    scene = building()
    for _ in range(4):
        part(scene)
    plan = scene.plan()
    assert float(scene.held()) * (plan.entry_price - plan.stop_price) <= 10_000 * 0.001


def test_a_part_too_small_for_the_exchange_is_made_larger() -> None:
    """A whole of 15 USDT at a least notional of 5: three parts of 5 would be just below it, so there are two of 7.5."""
    scene = building(fixed_frac=0.000015)
    first, second = part(scene), part(scene)
    assert first * 100.01 >= 5
    assert first == pytest.approx(second, rel=0.05)
    assert (first + second) * 100.31 == pytest.approx(15, rel=0.02)
    record = scene.forecast(0.02)
    assert record.verdict is Verdict.HOLD
    assert told(record)[1].startswith("no part added (quantity 0")


def test_a_restart_between_parts_goes_on_with_the_next() -> None:
    scene = building()
    part(scene)
    scene.restart()
    scene.reconcile()
    scene.tick()
    assert "part 2 of 4" in told(scene.forecast(0.02))
    scene.oblige()
    scene.restart()
    assert scene.plan().parts == 2


def test_a_restart_while_a_part_is_bought_keeps_it_a_part() -> None:
    scene = building()
    part(scene)
    first = scene.plan().decision_id
    scene.forecast(0.02)
    [_, order] = sent(scene.seen, Purpose.ENTRY)
    scene.fill(order.client_id, order.quantity / 2)
    assert (scene.plan().decision_id, scene.plan().parts) == (first, 2)


def test_nothing_is_added_once_it_began_to_be_left() -> None:
    """Half is sold at 2 R, which is 2 % above."""
    scene = building()
    part(scene)
    scene.price(102.2)
    scene.oblige()
    assert scene.plan().partial_done
    record = scene.forecast(0.02)
    assert (record.verdict, told(record)) == (Verdict.HOLD, ("edge holds",))


def test_a_stop_that_fills_ends_the_part_that_is_being_bought() -> None:
    scene = a_scene({"sizing": SMALL, "execution": {"algorithm": "limit"}})
    scene.forecast(0.02)
    [entry] = sent(scene.seen, Purpose.ENTRY)
    scene.oblige()
    scene.fill(entry.client_id)
    scene.oblige()
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER
    scene.oblige()
    [stop] = scene.resting()
    scene.fill(stop.client_id, price=stop.stop_price)
    scene.oblige()
    assert scene.held() == 0
    assert not scene.engine.state.positions.tickets
    assert len(of(scene.seen, RecordTrade)) == 1


def test_all_parts_are_one_closed_trade() -> None:
    scene = building()
    bought = sum(part(scene) for _ in range(3))
    scene.forecast(-0.02)
    scene.oblige()
    [trade] = of(scene.seen, RecordTrade)
    assert trade.trade.quantity == Decimal(str(round(bought, 8)))
