"""What a candle close leads to where nobody is asked, or a person had the last word; rows of each side and size."""

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_forecast, a_model
from tests.kit.situations import DAY_MS, HOUR_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, of, sent, told
from tests.unit.engine.test_strategies import WITHOUT_MODEL, Scripted
from trader.domain.decisions import RecordDecision
from trader.domain.events import CommandName, FundingSettled
from trader.domain.market import FundingRate
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, because
from trader.domain.signals import DecisionRecord, Verdict
from trader.engine.desk import Desk
from trader.engine.entries.decide import record_unused
from trader.strategy import Enter, Keep, Strategy
from trader.strategy.view import Holding


def small(side: Side) -> tuple[Scene, Scripted]:
    """Less than one coin held on `side`: 0.002 of the equity at risk, 2 % to the stop, at a price of 10,000."""
    script = Scripted(Enter(side=side, stop_frac=0.02, risk_frac=0.002), Keep())
    scene = a_scene(strategy=script, has_model=False, perpetual=True, mid=10_000.0)
    scene.enter(missing=WITHOUT_MODEL)
    assert 0 < abs(scene.held()) < 1
    return scene, script


@pytest.mark.parametrize(("side", "out"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_what_is_held_in_a_banned_symbol_is_closed_at_once_at_the_market(side: Side, out: Side) -> None:
    """It is left over because the exit that the ban itself asked for has been given up."""
    scene, _ = small(side)
    scene.override(stance="ban")
    scene.engine.state.positions.exits.clear()
    scene.wait(MINUTE_MS)
    decided = scene.heard_forecast(missing=WITHOUT_MODEL)
    [row] = of(decided, RecordDecision)
    assert (row.record.verdict, row.record.side) == (Verdict.EXIT, out)
    assert told(row.record) == ("override: ban by test",)
    leaving = scene.engine.state.positions.exits[PERPETUAL]
    assert (leaving.is_urgent, leaving.slices, leaving.purpose) == (True, 0, Purpose.FLATTEN)


@pytest.mark.parametrize("side", Side)
def test_what_is_held_at_a_close_without_a_book_stays_held_on_its_side(side: Side) -> None:
    scene, _ = small(side)
    scene.restart(has_books=False)
    scene.reconcile()
    scene.wait(MINUTE_MS)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert (record.verdict, record.side, told(record)) == (Verdict.HOLD, side, (str(because(Code.NO_BOOK)),))


def test_a_close_that_nobody_looks_at_has_one_row_and_is_counted() -> None:
    scene = a_scene()
    scene.forecast(0.0)
    assert scene.counted("decisions") == (1,)
    strategies: dict[str, Strategy] = {scene.symbol: Scripted(Keep())}
    desk = Desk(scene.settings, scene.engine.state, strategies)
    rows: list[DecisionRecord] = []
    for open_ms in (NOW_MS - MINUTE_MS, NOW_MS, NOW_MS, NOW_MS + MINUTE_MS):  # decided, new, the same again, new
        desk.begin()
        record_unused(desk, a_forecast(scene.symbol, candle_open_ms=open_ms), because(Code.DECISION_FAILED, "a test"))
        rows += [row.record for row in of(desk.out, RecordDecision)]
    assert [row.candle_open_ms for row in rows] == [NOW_MS, NOW_MS + MINUTE_MS]
    assert {(row.verdict, *told(row)) for row in rows} == {(Verdict.SKIP, "deciding failed: a test")}
    assert scene.counted("decisions") == (3,)


class TwoCandles(Scripted):
    candles = 2


def test_one_that_needs_two_candles_is_asked_at_the_second() -> None:
    script = TwoCandles(Keep())
    scene = a_scene(strategy=script, has_model=False)
    scene.candle(100.0)
    assert told(scene.forecast(missing=WITHOUT_MODEL)) == (str(because(Code.TOO_FEW_CANDLES, known=1, needed=2)),)
    scene.wait(MINUTE_MS)
    scene.candle(100.0)
    scene.forecast(missing=WITHOUT_MODEL)
    assert [len(view.candles) for view in script.seen] == [2]


@pytest.mark.parametrize(
    ("days", "edge_bps", "verdict"), [(1, 60, Verdict.ENTER), (3, 60, Verdict.SKIP), (3, 120, Verdict.ENTER)]
)
def test_an_edge_pays_for_the_funding_of_as_long_as_its_own_entry_wants_to_be_held(
    days: int, edge_bps: float, verdict: Verdict
) -> None:
    """10 bp every 8 hours: 30 bp in a day and 90 in three, whatever the horizon of a model; the rest is about 13 bp."""
    script = Scripted(
        Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002, edge_frac=edge_bps / 1e4, until_ms=NOW_MS + days * DAY_MS)
    )
    scene = a_scene(strategy=script, perpetual=True)
    settled = FundingRate(PERPETUAL, NOW_MS - HOUR_MS, 0.001)
    scene.hear(FundingSettled(funding=settled, every_ms=8 * HOUR_MS))
    record = scene.forecast()
    assert record.verdict is verdict, told(record)


def test_a_late_forecast_counts_the_candles_up_to_its_own() -> None:
    scene = a_scene(strategy=TwoCandles(Keep()), has_model=False)
    for close in (100.0, 101.0):
        scene.wait(MINUTE_MS)
        scene.candle(close)
    record = scene.forecast(missing=WITHOUT_MODEL, age_ms=MINUTE_MS)
    assert told(record) == (str(because(Code.TOO_FEW_CANDLES, known=1, needed=2)),)


@pytest.mark.parametrize("side", Side)
def test_a_position_without_a_plan_is_shown_as_what_it_is(side: Side) -> None:
    scene, script = small(side)
    position = scene.position()
    del scene.engine.state.positions.plans[PERPETUAL]
    scene.wait(MINUTE_MS)
    scene.forecast(missing=WITHOUT_MODEL)
    expected = Holding(side, abs(position.quantity), float(position.entry_price), position.opened_ms)
    assert script.seen[-1].holding == expected
    assert position.opened_ms > 0


# --- further parts ----------------------------------------------------------------------------------------

PART = Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002)


class InParts(Scripted):
    builds_in_parts = True


def building(add: Enter = PART, *, perpetual: bool = False) -> Scene:
    """The first of four parts held, at the next close; its strategy wants `add` now."""
    scene = a_scene({"sizing": {"tranches": 4}}, strategy=InParts(PART, Keep(add=add)), perpetual=perpetual)
    scene.enter()
    scene.wait(MINUTE_MS)
    return scene


def test_a_part_is_added_where_nothing_speaks_against_it() -> None:
    assert building().forecast().verdict is Verdict.ENTER


def test_a_part_of_the_other_side_is_none() -> None:
    scene = building(msgspec.structs.replace(PART, side=Side.SELL), perpetual=True)
    assert scene.forecast().verdict is Verdict.HOLD


@pytest.mark.parametrize(
    "changed", [{"is_adopted": True}, {"strategy_id": "another"}, {"partial_done": True}, {"trailing": True}]
)
def test_nothing_is_added_to_what_another_began_or_what_began_to_be_left(changed: dict[str, object]) -> None:
    scene = building()
    plans = scene.engine.state.positions.plans
    plans[scene.symbol] = msgspec.structs.replace(scene.plan(), **changed)
    assert scene.forecast().verdict is Verdict.HOLD


def test_nothing_is_added_while_an_exit_is_under_way() -> None:
    scene = building()
    scene.command(CommandName.FLATTEN)
    scene.ignore()
    record = scene.forecast()
    assert (record.verdict, told(record)) == (Verdict.HOLD, (str(because(Code.EXIT_UNDER_WAY)),))
    assert len(sent(scene.seen, Purpose.ENTRY)) == 1


@pytest.mark.parametrize(("days", "verdict"), [(1, Verdict.ENTER), (3, Verdict.HOLD)])
def test_the_edge_of_a_part_pays_for_the_funding_until_its_own_end(days: int, verdict: Verdict) -> None:
    scene = building(msgspec.structs.replace(PART, edge_frac=0.006, until_ms=NOW_MS + days * DAY_MS), perpetual=True)
    settled = FundingRate(PERPETUAL, NOW_MS - HOUR_MS, 0.001)  # 30 bp a day
    scene.hear(FundingSettled(funding=settled, every_ms=8 * HOUR_MS))
    record = scene.forecast()
    assert record.verdict is verdict, told(record)


# --- leaving before funding -------------------------------------------------------------------------------


def before_funding(scene: Scene) -> Scene:
    """A whole percent is paid within the next candle."""
    due = FundingRate(PERPETUAL, scene.now_ms - 8 * HOUR_MS + 30_000, 0.01)
    scene.hear(FundingSettled(funding=due, every_ms=8 * HOUR_MS))
    return scene


def test_a_rules_position_pays_the_funding_that_nobody_can_weigh() -> None:
    scene, _ = small(Side.BUY)
    scene.wait(MINUTE_MS)
    assert before_funding(scene).forecast(missing=WITHOUT_MODEL).verdict is Verdict.HOLD


def test_a_model_that_says_nothing_at_this_close_promises_no_edge_against_funding() -> None:
    scene = a_scene(perpetual=True)
    scene.enter(0.02)
    scene.wait(MINUTE_MS)
    record = before_funding(scene).forecast(0.05, missing=("rsi_14",))
    assert (record.verdict, record.side) == (Verdict.EXIT, Side.SELL)
    assert record.reasons[-1] == because(Code.FUNDING_ABOVE_EDGE, funding_bps=100.0, edge_bps=0.0)


@pytest.mark.parametrize(
    ("timeframe", "slicing_s", "is_urgent"),
    [
        ("5m", 299.9, False),  # all slices are sold before the next close
        ("5m", 300.0, True),
        ("1m", 300.0, True),
        ("1h", 300.0, False),
    ],
)
def test_there_is_time_for_slices_before_funding_only_if_they_end_before_the_next_close(
    timeframe: str, slicing_s: float, is_urgent: bool
) -> None:
    market = {"timeframe": timeframe, "higher_timeframes": ["4h"]}
    settings = {"market": market, "execution": {"twap_duration_s": slicing_s}}
    scene = a_scene(settings, perpetual=True, model=a_model(timeframe=timeframe))
    scene.enter(0.02)
    scene.wait(MINUTE_MS)
    assert before_funding(scene).forecast(0.0).verdict is Verdict.EXIT
    assert scene.engine.state.positions.exits[PERPETUAL].is_urgent is is_urgent
