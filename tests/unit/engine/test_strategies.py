"""Strategies other than the ensemble: what they are asked, and what comes of what they propose."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_forecast
from tests.kit.situations import HOUR_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, of, sent, told
from trader.domain.account import Position
from trader.domain.decisions import Level, Notify, RecordTrade
from trader.domain.events import ForecastMade, ModelWatched, StrategyJudged
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import HealthAction, ModelHealth, ModelVerdict, StrategyVerdict, Verdict
from trader.risk.stops import NEVER_MS
from trader.service.control.snapshot import snapshot
from trader.strategy import Enter, Keep, Leave, Pass, Proposal, Strategy, View
from trader.strategy.view import Holding

BECAUSE = (because(Code.SAID, "it is time"),)
WITHOUT_MODEL = ("model",)  # what a forecast lacks where no model is used


class Scripted(Strategy):
    """Proposes one thing after the other, the last one for ever, and remembers what it was shown."""

    def __init__(self, *proposals: Any) -> None:
        super().__init__(None)
        self.left, self.seen = list(proposals), list[View]()

    def propose(self, view: View) -> Proposal:
        self.seen.append(view)
        proposal = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        if isinstance(proposal, Exception):
            raise proposal
        result: Proposal = proposal
        return result


def entered(*later: Any, strategy: type[Scripted] = Scripted, **enter: Any) -> tuple[Scene, Scripted]:
    """Long since the first close, with a stop 2 % below 100.01, without a model."""
    proposed = Enter(side=Side.BUY, reasons=BECAUSE, **{"stop_frac": 0.02, "risk_frac": 0.002, **enter})
    script = strategy(proposed, *(later or (Keep(),)))
    scene = a_scene(strategy=script, has_model=False)
    scene.enter(missing=WITHOUT_MODEL)
    return scene, script


def exits(scene: Scene) -> list[str]:
    """What each exit that was asked for was about."""
    return [notice.message.partition(":")[0] for notice in of(scene.seen, Notify) if notice.event == "exit.asked"]


def test_it_enters_without_a_model_with_its_own_stop_and_risk() -> None:
    scene, script = entered()
    plan = scene.plan()
    assert (plan.strategy_id, plan.has_ladder, plan.r_frac, plan.horizon_end_ms) == ("scripted", False, 0.02, NEVER_MS)
    assert plan.take_profit_price is None
    assert scene.stops() == [(scene.held(), Decimal("98.01"))]  # 100.01 less 2 %, on the tick
    assert float(scene.held()) == pytest.approx(0.002 * 10_000 / (100.01 * 1.003 * 0.02), abs=1e-5)
    [view] = script.seen
    assert (view.forecast, view.model, view.holding, view.now_ms) == (None, None, None, scene.now_ms)


def test_the_row_says_who_proposed_it_and_why() -> None:
    scene = a_scene(strategy=Scripted(Enter(side=Side.BUY, reasons=BECAUSE, stop_frac=0.02, risk_frac=0.002)))
    record = scene.forecast(0.0)
    assert (record.verdict, record.strategy_id, record.side) == (Verdict.ENTER, "scripted", Side.BUY)
    assert told(record) == ("it is time", "impact 0.0bp")
    assert record.cost_bps > 0


def test_a_stop_that_it_does_not_say_is_that_of_a_day() -> None:
    scene, _ = entered(stop_frac=None)
    assert scene.plan().r_frac == pytest.approx(3 * 0.3 / 365**0.5)  # three sigma of a day at 30 % a year


def test_an_edge_that_it_estimates_must_pay_for_the_costs() -> None:
    cheap = Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002, edge_frac=0.0001)
    assert told(a_scene(strategy=Scripted(cheap)).forecast()) == ("edge 1.0bp < 22.0bp with impact",)


def test_without_the_ladder_nothing_is_sold_on_the_way_and_the_stop_stays() -> None:
    scene, _ = entered()
    for price in (104.0, 106.0, 108.0, 98.2):
        scene.price(price)
        scene.candle(price)
    scene.wait(48 * HOUR_MS)  # a losing position of the ensemble would be closed by now
    scene.price(98.2)
    assert exits(scene) == []
    scene.price(98.0)
    assert exits(scene) == ["stop"]


def test_its_target_and_its_end_close_all_of_it() -> None:
    target, _ = entered(target_frac=0.03)
    target.price(103.01)
    assert exits(target) == []
    target.price(103.03)
    assert exits(target) == ["take_profit"]
    held = a_scene().now_ms + HOUR_MS
    timed, _ = entered(until_ms=held)
    timed.wait(HOUR_MS - 1)
    timed.tick()
    assert exits(timed) == []
    timed.wait(1)
    timed.tick()
    assert exits(timed) == ["horizon"]


def test_leaving_closes_the_position_for_the_reasons_it_gives() -> None:
    scene, script = entered(Leave(reasons=BECAUSE))
    scene.wait(MINUTE_MS)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert (record.verdict, told(record), record.side) == (Verdict.EXIT, ("it is time",), Side.SELL)
    scene.oblige()
    assert scene.held() == 0
    assert of(scene.seen, RecordTrade)
    holding = script.seen[-1].holding
    assert holding is not None
    assert (holding.side, holding.strategy_id) == (Side.BUY, "scripted")
    assert holding.stop_price == pytest.approx(98.0098)


def test_keeping_may_move_the_stop_nearer_but_never_away() -> None:
    scene, _ = entered(Keep(stop_price=99.5), Keep(stop_price=99.0))
    for expected in (Decimal("99.50"), Decimal("99.50")):
        scene.wait(MINUTE_MS)
        assert scene.forecast(missing=WITHOUT_MODEL).verdict is Verdict.HOLD
        scene.oblige()
        assert [price for _, price in scene.stops()] == [expected]


@pytest.mark.parametrize(
    ("proposal", "verdict"),
    [
        (Keep(reasons=BECAUSE), Verdict.HOLD),
        (Pass(reasons=BECAUSE), Verdict.HOLD),
        (Enter(side=Side.BUY, reasons=BECAUSE, stop_frac=0.02), Verdict.HOLD),
        (Enter(side=Side.SELL, reasons=BECAUSE, stop_frac=0.02), Verdict.HOLD),
    ],
)
def test_what_is_held_stays_unless_it_says_leave(proposal: Proposal, verdict: Verdict) -> None:
    scene, _ = entered(proposal)
    held, orders = scene.held(), len(sent(scene.seen))
    scene.wait(MINUTE_MS)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert (record.verdict, told(record)) == (verdict, ("it is time",))
    assert (scene.held(), len(sent(scene.seen))) == (held, orders)


@pytest.mark.parametrize("proposal", [Keep(reasons=BECAUSE), Leave(reasons=BECAUSE), Pass(reasons=BECAUSE)])
def test_with_nothing_held_only_entering_does_something(proposal: Proposal) -> None:
    scene = a_scene(strategy=Scripted(proposal), has_model=False)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert (record.verdict, told(record)) == (Verdict.SKIP, ("it is time",))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ZeroDivisionError("division by zero"), "ZeroDivisionError: division by zero"),
        ("buy", "it returned str; allowed: Enter, Keep, Leave or Pass"),
        (None, "it returned NoneType; allowed: Enter, Keep, Leave or Pass"),
    ],
)
def test_one_that_fails_does_nothing_and_a_person_is_told(fault: Any, words: str) -> None:
    scene, _ = entered(fault)
    scene.wait(MINUTE_MS)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert (record.verdict, told(record)) == (Verdict.HOLD, (f"strategy failed: {words}",))
    alerts = [notice for notice in of(scene.seen, Notify) if notice.level is Level.ALERT]
    assert alerts == [Notify(Level.ALERT, "strategy.failed", f"scripted: {words}", symbol=scene.symbol)]
    assert scene.stops() == [(scene.held(), Decimal("98.01"))]


@pytest.mark.parametrize(
    "numbers",
    [{"stop_frac": 0.0}, {"stop_frac": 1.0}, {"target_frac": 0.0}, {"risk_frac": 2.0}, {"edge_frac": float("nan")}],
)
def test_numbers_that_no_position_can_have_are_refused(numbers: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(numbers))):
        Enter(side=Side.BUY, **numbers)  # type: ignore[arg-type]  # the numbers are what is tested


def test_with_the_gate_a_rule_without_a_record_opens_nothing() -> None:
    script = Scripted(Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002))
    scene = a_scene({"model": {"gate": "enforce"}}, strategy=script, has_model=False)
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert record.verdict is Verdict.SKIP
    assert told(record) == ("strategy scripted only observes (no closed trade on record)",)


def judged(verdict: str, *reasons: Reason, strategy_id: str = "scripted") -> StrategyJudged:
    return StrategyJudged(verdict=StrategyVerdict(strategy_id, ModelVerdict(verdict), reasons))


def under_the_gate() -> Scene:
    script = Scripted(Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002))
    return a_scene({"model": {"gate": "enforce"}}, strategy=script, has_model=False)


def test_with_the_gate_a_rule_trades_by_its_verdict_through_a_restart() -> None:
    scene = under_the_gate()
    scene.hear(judged("trade"))
    scene.restart(has_model=False)
    scene.reconcile()
    scene.tick()
    assert scene.forecast(missing=WITHOUT_MODEL).verdict is Verdict.ENTER


def test_a_verdict_that_is_not_enough_says_what_is_missing() -> None:
    scene = under_the_gate()
    scene.hear(judged("observe", because(Code.ACTIVE_DAYS, days=13, least=60)))
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert told(record) == ("strategy scripted only observes (active_days 13<60)",)


def test_the_verdict_of_another_strategy_counts_for_nothing() -> None:
    scene = under_the_gate()
    scene.hear(judged("trade", strategy_id="another"))
    assert scene.forecast(missing=WITHOUT_MODEL).verdict is Verdict.SKIP


def test_a_verdict_is_told_when_it_changes() -> None:
    scene, lost = under_the_gate(), because(Code.RECENT_NET, net_bps=-12.0)
    told_of = [scene.hear(each) for each in (judged("observe"), judged("observe"), judged("trade"), judged("trade"))]
    told_of.append(scene.hear(judged("observe", lost)))
    told = [[(n.level, n.message) for n in of(decided, Notify)] for decided in told_of]
    trade, observe = (Level.INFO, "scripted: trade"), (Level.ALERT, "scripted: observe (recent_net_bps -12.0<0)")
    assert told == [[], [], [trade], [], [observe]]


def test_without_the_gate_a_rule_needs_no_record() -> None:
    script = Scripted(Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.002))
    scene = a_scene(strategy=script, has_model=False)
    scene.hear(judged("observe"))
    assert scene.forecast(missing=WITHOUT_MODEL).verdict is Verdict.ENTER


def test_the_status_shows_the_verdict() -> None:
    scene = under_the_gate()
    scene.hear(judged("observe", because(Code.ACTIVE_DAYS, days=13, least=60)))
    [row] = snapshot(
        scene.settings, scene.engine.state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0
    ).strategies
    assert (row.strategy_id, row.verdict, row.reasons) == ("scripted", "observe", ("active_days 13<60",))


class Seeing(Scripted):
    strategy_id = "seeing"
    candles = 3


def closed(scene: Scene, closes: Sequence[float]) -> None:
    for close in closes:
        scene.wait(MINUTE_MS)
        scene.candle(close)


def test_it_sees_the_candles_it_asks_for_up_to_its_own_close() -> None:
    script = Seeing(Pass(reasons=BECAUSE))
    scene = a_scene(strategy=script, has_model=False)
    closed(scene, (101.0, 102.0))
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert told(record) == ("2 candles without a hole, the strategy asks for 3",)
    closed(scene, (103.0, 104.0))
    assert told(scene.forecast(missing=WITHOUT_MODEL)) == ("it is time",)
    assert script.seen[-1].closes == (102.0, 103.0, 104.0)


def test_candles_before_a_hole_are_not_shown() -> None:
    script = Seeing(Pass(reasons=BECAUSE))
    scene = a_scene(strategy=script, has_model=False)
    closed(scene, (101.0, 102.0, 103.0))
    scene.wait(MINUTE_MS)  # a candle that never came
    closed(scene, (105.0,))
    record = scene.forecast(missing=WITHOUT_MODEL)
    assert told(record) == ("1 candles without a hole, the strategy asks for 3",)


def test_the_purpose_of_what_it_sends_is_that_of_everyone() -> None:
    scene, _ = entered()
    assert [intent.purpose for intent in sent(scene.seen)] == [Purpose.ENTRY, Purpose.STOP]


def test_it_sees_the_position_its_stop_and_its_end() -> None:
    until_ms = NOW_MS + HOUR_MS
    scene, script = entered(until_ms=until_ms)
    scene.wait(MINUTE_MS)
    scene.forecast(missing=WITHOUT_MODEL)
    [before, now] = script.seen
    assert before.holding is None
    stop_price = scene.plan().stop_price
    assert stop_price == pytest.approx(100.01 * 0.98)
    assert now.holding == Holding(Side.BUY, scene.held(), 100.01, NOW_MS, stop_price, until_ms, "scripted")
    endless, script = entered()
    endless.wait(MINUTE_MS)
    endless.forecast(missing=WITHOUT_MODEL)
    assert script.seen[-1].holding == Holding(Side.BUY, endless.held(), 100.01, NOW_MS, stop_price, None, "scripted")


@pytest.mark.parametrize(("quantity", "side", "stop"), [("-0.5", Side.SELL, 102.0102), ("0.5", Side.BUY, 97.9902)])
def test_it_sees_a_position_that_was_adopted(quantity: str, side: Side, stop: float) -> None:
    script = Scripted(Pass(reasons=BECAUSE))
    scene = a_scene({"risk": {"startup_policy": "halt"}}, perpetual=True, strategy=script, has_model=False)
    found = Position(PERPETUAL, Decimal(quantity), Decimal(95), NOW_MS)
    for _ in range(2):
        scene.reconcile(positions=[found])
    scene.wait(MINUTE_MS)
    scene.forecast(missing=WITHOUT_MODEL)
    assert scene.plan().stop_price == pytest.approx(stop)
    wanted = Holding(side, abs(found.quantity), 95.0, NOW_MS, scene.plan().stop_price, None, "scripted")
    assert script.seen[-1].holding == wanted


def test_it_sees_the_features_of_this_close_and_of_the_one_before() -> None:
    script = Scripted(Pass(reasons=BECAUSE))
    scene = a_scene(strategy=script, has_model=False)
    made = msgspec.structs.replace(
        a_forecast(candle_open_ms=NOW_MS - MINUTE_MS), features={"rsi_14": 31.0}, features_before={"rsi_14": 29.0}
    )
    scene.hear(ForecastMade(forecast=made))
    [view] = script.seen
    assert (view.features, view.features_before) == ({"rsi_14": 31.0}, {"rsi_14": 29.0})
    assert (view.candle_open_ms, view.candle_close_ms) == (NOW_MS - MINUTE_MS, NOW_MS)
    assert (view.context, view.symbol, view.can_short) == (made.context, scene.symbol, False)
    assert view.cost_frac == pytest.approx(0.0022)


def test_the_drift_of_a_model_concerns_only_those_who_go_by_it() -> None:
    proposed = Enter(side=Side.BUY, reasons=BECAUSE, stop_frac=0.02, risk_frac=0.002)
    usual, drifted = a_scene(strategy=Scripted(proposed)), a_scene(strategy=Scripted(proposed))
    moved = because(Code.CALIBRATION_DRIFT, t=-4.0, least=-3.0)
    for action in (HealthAction.SHRINK, HealthAction.OBSERVE):
        drifted.hear(ModelWatched(health=ModelHealth("model-1", action, (moved,))))
    first, second = usual.forecast(), drifted.forecast()
    assert (second.verdict, second.quantity, told(second)) == (Verdict.ENTER, first.quantity, told(first))


def test_a_forecast_is_shown_where_there_is_one_of_the_model_in_use() -> None:
    script = Scripted(Pass(reasons=BECAUSE))
    scene = a_scene(strategy=script)
    scene.forecast(0.01)
    scene.wait(MINUTE_MS)
    scene.forecast(0.01, missing=("leader",))
    scene.wait(MINUTE_MS)
    scene.forecast(0.01, model_id="model-0")
    assert [view.forecast is not None for view in script.seen] == [True, False, False]
    assert [view.model is not None for view in script.seen] == [True, False, False]


def test_a_restart_keeps_the_exits_a_position_was_opened_with() -> None:
    scene, _ = entered(target_frac=0.03)
    before = scene.plan()
    scene.restart()
    assert scene.plan() == before
    assert (before.strategy_id, before.has_ladder) == ("scripted", False)
