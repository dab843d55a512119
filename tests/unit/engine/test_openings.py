"""What an entry is opened with: the stop that may be just as wide, its R, its parts, and what is forgotten after it."""

import pytest

from tests.kit.builders import NOW_MS, a_context, a_model
from tests.kit.situations import HOUR_MS, MINUTE_MS, PERPETUAL, SYMBOL, Scene, a_scene, notices, of, sent, told
from tests.unit.engine.test_strategies import Scripted
from trader.domain.decisions import KeepState, Level, Notify
from trader.domain.events import FundingSettled
from trader.domain.market import FundingRate
from trader.domain.orders import Side
from trader.domain.reasons import Code, because
from trader.domain.signals import Verdict
from trader.engine.desk import Desk
from trader.engine.entries.funding import USUAL_MS, due_reason, funding_frac
from trader.strategy import Enter


def test_a_stop_just_as_far_as_one_may_be_is_a_stop() -> None:
    scene = a_scene(strategy=Scripted(Enter(side=Side.BUY, stop_frac=0.25, risk_frac=0.002)))
    assert scene.forecast().verdict is Verdict.ENTER
    scene.oblige()
    assert scene.plan().stop_price == pytest.approx(100.01 * 0.75)
    assert notices(scene.seen, Level.ALERT) == []


def test_r_is_that_of_the_ladder_where_volatility_puts_the_stop_further() -> None:
    """Three sigma of four hours are 3.5 %; R, by which the ladder climbs, stays the regime's 1 %, restart or not."""
    scene = a_scene(model=a_model(horizon_candles=240))
    scene.forecast(context=a_context(rsi_14=29.0, bb_position=0.02, hist_vol_20=0.55, atr_14=0.1))
    scene.oblige()
    plan = scene.plan()
    assert plan.entry_price - plan.stop_price > 3.0
    assert plan.r_frac == pytest.approx(0.01)
    scene.restart()
    assert scene.plan().r_frac == pytest.approx(0.01)


class Climbing(Scripted):
    has_ladder = True


def test_where_a_strategy_with_the_ladder_says_no_target_it_is_that_of_the_ladder() -> None:
    scene = a_scene(strategy=Climbing(Enter(side=Side.BUY, stop_frac=0.01, risk_frac=0.002)))
    scene.enter(context=a_context(atr_14=0.1, hist_vol_20=0.1))
    assert scene.plan().take_profit_price == pytest.approx(100.01 * 1.03)  # 3 R


@pytest.mark.parametrize(("tranches", "said"), [(1, []), (2, ["part 1 of 2"])])
def test_a_row_says_which_part_it_is_where_there_are_more_than_one(tranches: int, said: list[str]) -> None:
    record = a_scene({"sizing": {"tranches": tranches}}).forecast(0.02)
    assert [reason for reason in told(record) if reason.startswith("part")] == said


def kept(scene: Scene, kind: str) -> list[bool]:
    """Whether each note of that kind says what is, or that it is no more."""
    return [note.value is not None for note in of(scene.seen, KeepState) if (note.kind, note.key) == (kind, SYMBOL)]


def test_once_an_entry_has_ended_the_journal_forgets_it() -> None:
    scene = a_scene()
    scene.forecast(0.02)
    assert kept(scene, "ticket") == [True]
    scene.oblige()
    assert kept(scene, "ticket") == [True, False]


def test_a_ticket_whose_stop_guards_nothing_is_named_with_its_symbol_and_decision() -> None:
    scene = a_scene()
    record = scene.forecast(0.02)
    scene.remember_ticket(stop_frac=0.26)
    [entry] = sent(scene.seen)
    [alert] = [n for n in of(scene.fill(entry.client_id), Notify) if n.level is Level.ALERT]
    text = "a stop 26.0% away guards nothing; it is put 25.0% away"
    assert alert == Notify(Level.ALERT, "stop.unusable", text, SYMBOL, record.decision_id)


# --- funding ------------------------------------------------------------------------------------------------


def a_desk(rate: float | None = None, ago_ms: int = 0, **risk: object) -> Desk:
    """A perpetual whose last settlement was `ago_ms` before now."""
    scene = a_scene({"risk": risk}, perpetual=True)
    if rate is not None:
        settled = FundingRate(PERPETUAL, NOW_MS - ago_ms, rate)
        scene.hear(FundingSettled(funding=settled, every_ms=USUAL_MS))
    return Desk(scene.settings, scene.engine.state, {})


def test_what_has_ended_already_pays_no_funding() -> None:
    desk = a_desk()
    assert funding_frac(desk, desk.market(PERPETUAL), Side.BUY, NOW_MS - HOUR_MS) == 0.0


@pytest.mark.parametrize(("ago_ms", "is_known"), [(3 * USUAL_MS, True), (3 * USUAL_MS + 1, False)])
def test_after_three_settlements_missed_the_newest_says_nothing(ago_ms: int, is_known: bool) -> None:
    desk = a_desk(0.001, ago_ms)
    paid = funding_frac(desk, desk.market(PERPETUAL), Side.BUY, NOW_MS + 9 * HOUR_MS)
    assert (paid >= 0.001) is is_known


@pytest.mark.parametrize(
    ("least_bps", "edge_frac", "is_due"),
    [(5.0, 0.0, False), (4.9, 0.0, True), (3.0, 0.0005, False), (3.0, 0.0004, True), (3.0, -0.0004, True)],
)
def test_funding_of_5_bp_is_left_for_only_where_it_is_more_than_the_edge_and_than_the_least(
    least_bps: float, edge_frac: float, is_due: bool
) -> None:
    desk = a_desk(0.0005, USUAL_MS - MINUTE_MS, funding_exit_bps=least_bps)
    reason = due_reason(desk, desk.market(PERPETUAL), Side.BUY, NOW_MS + 2 * MINUTE_MS, edge_frac)
    expected = because(Code.FUNDING_ABOVE_EDGE, funding_bps=5.0, edge_bps=edge_frac * 10_000)
    assert reason == (expected if is_due else None)
