"""What a candle close leads to where nobody is asked, or a person had the last word; rows of each side and size."""

import pytest

from tests.kit.builders import NOW_MS, a_forecast
from tests.kit.situations import DAY_MS, HOUR_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, of, told
from tests.unit.engine.test_strategies import WITHOUT_MODEL, Scripted
from trader.domain.decisions import RecordDecision
from trader.domain.events import FundingSettled
from trader.domain.market import FundingRate
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, because
from trader.domain.signals import DecisionRecord, Verdict
from trader.engine.desk import Desk
from trader.engine.entries.decide import record_unused
from trader.strategy import Enter, Keep, Strategy


def small(side: Side) -> Scene:
    """Less than one coin held on `side`: 0.002 of the equity at risk, 2 % to the stop, at a price of 10,000."""
    script = Scripted(Enter(side=side, stop_frac=0.02, risk_frac=0.002), Keep())
    scene = a_scene(strategy=script, has_model=False, perpetual=True, mid=10_000.0)
    scene.enter(missing=WITHOUT_MODEL)
    assert 0 < abs(scene.held()) < 1
    return scene


@pytest.mark.parametrize(("side", "out"), [(Side.BUY, Side.SELL), (Side.SELL, Side.BUY)])
def test_what_is_held_in_a_banned_symbol_is_closed_at_once_at_the_market(side: Side, out: Side) -> None:
    """It is left over because the exit that the ban itself asked for has been given up."""
    scene = small(side)
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
    scene = small(side)
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
