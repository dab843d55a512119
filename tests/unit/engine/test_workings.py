"""The record of a decision: what was known, what was asked in which order with its numbers, what came of the size."""

from collections.abc import Callable

import msgspec
import pytest

from tests.kit.builders import SYMBOL, a_context, a_model
from tests.kit.situations import DIP, HOUR_MS, MINUTE_MS, PEAK, Scene, a_scene, of, sent, stream
from trader.domain.decisions import RecordDecision
from trader.domain.events import AnyEvent, CommandName, ForecastMade, FundingSettled, StreamState
from trader.domain.market import FundingRate
from trader.domain.orders import Purpose
from trader.domain.reasons import Code
from trader.domain.signals import CONTEXT_COLUMNS, DecisionRecord, Verdict
from trader.domain.workings import Gate, Workings
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.strategy import Enter, Pass, Proposal, Side, Strategy, View, gate

SIGNAL = ["inputs", "slope", "edge", "bias", "bollinger_extreme", "rsi_extreme", "confirmed"]
ADMISSION = ["reconciled", "stopping", "trading", "data", "age", "day_volume", "spread", "tick"]
ADMISSION += ["entry", "unknown", "left", "override", "lock", "evidence", "drift"]
ENTRY = ["stop_width", "positions", "size", "impact", "review"]


def workings(record: DecisionRecord) -> Workings:
    assert record.workings is not None
    return record.workings


def names(record: DecisionRecord) -> list[str]:
    return [gate.name for gate in workings(record).gates]


def of_gate(record: DecisionRecord, name: str) -> Gate:
    [found] = [gate for gate in workings(record).gates if gate.name == name]
    return found


def refusals(record: DecisionRecord) -> list[tuple[str, str]]:
    """(gate, code of its reason) of those that said no, in the order asked."""
    return [(gate.name, gate.code) for gate in workings(record).gates if gate.says_no]


def test_an_entry_passes_every_gate_in_order() -> None:
    record = a_scene().forecast()
    assert record.verdict is Verdict.ENTER
    assert names(record) == [*SIGNAL, *ADMISSION, *ENTRY]
    assert all(gate.passed for gate in workings(record).gates)


def test_each_number_stands_beside_what_it_was_compared_with() -> None:
    """A round trip of 20 bp fees and 2 bp spread; an RSI of 29 against 30; a book 2 bp wide against 20."""
    record = a_scene().forecast(0.02)
    edge, confirmation = of_gate(record, "edge"), of_gate(record, "rsi_extreme")
    assert edge.value == 0.02
    assert edge.bar == pytest.approx(0.0022, abs=1e-6)
    assert (confirmation.value, confirmation.bar) == (29.0, 30.0)
    assert (of_gate(record, "confirmed").value, of_gate(record, "confirmed").bar) == (2, 1)
    assert of_gate(record, "spread").value == pytest.approx(0.0002)
    assert (of_gate(record, "age").value, of_gate(record, "age").bar) == (0.0, 60.0)
    assert (of_gate(record, "positions").value, of_gate(record, "positions").bar) == (1, 8)
    impact = of_gate(record, "impact")
    assert (impact.value, impact.bar) == (0.02, edge.bar)  # all of it is at the touch


def test_what_was_known_is_kept() -> None:
    scene = a_scene()
    record = scene.forecast(0.02)
    known = workings(record).inputs
    assert known.candle_close_ms == scene.now_ms
    assert dict(zip(CONTEXT_COLUMNS, known.context, strict=True))["rsi_14"] == DIP.rsi_14
    assert (known.bid, known.ask, known.bid_size, known.ask_size, known.levels) == (99.99, 100.01, 50.0, 50.0, 20)
    assert (known.confidence, known.slope, known.bar_factor) == (0.9, 1.0, 1.0)
    assert known.cost_frac == pytest.approx(record.cost_bps / 10_000)
    assert known.fee_frac == 0.002
    assert known.funding_frac == 0.0


def test_the_votes_of_the_members_are_kept() -> None:
    scene = a_scene()
    scene.forecast()
    [made] = [turn.event for turn in scene.turns if isinstance(turn.event, ForecastMade)]
    scene.wait(MINUTE_MS)
    votes = {"xgboost": 0.004, "mlp": -0.001}
    later = msgspec.structs.replace(made.forecast, candle_open_ms=scene.now_ms - MINUTE_MS, members=votes)
    later = msgspec.structs.replace(later, candle_close_ms=scene.now_ms)
    [row] = of(scene.hear(ForecastMade(forecast=later)), RecordDecision)
    assert workings(row.record).inputs.members == votes


def test_the_size_names_every_cap_and_those_that_cut() -> None:
    """Of 10,000: Kelly wants more than the 2,500 that a position may be worth."""
    record = a_scene().forecast()
    size = workings(record).size
    assert size is not None
    assert size.factors is not None
    assert (size.equity_quote, size.part, size.parts, size.held_base) == (10_000.0, 1, 1, 0.0)
    caps = {cap.code: cap for cap in size.caps}
    assert [code for code, cap in caps.items() if cap.has_cut] == [Code.CAP_POSITION_NOTIONAL]
    assert caps[Code.CAP_POSITION_NOTIONAL].most_quote == pytest.approx(2_500.0)
    assert size.factors.rule == "kelly"
    assert size.factors.caps == (Code.CAP_POSITION_NOTIONAL,)


def test_the_way_to_the_market_is_told_with_its_bounds() -> None:
    record = a_scene().forecast()
    carriage = workings(record).carriage
    assert carriage is not None
    assert (carriage.algorithm, carriage.market_below_frac, carriage.split_above_frac) == ("market", 0.001, 0.005)
    assert carriage.impact_frac < carriage.market_below_frac
    assert workings(record).orders == 1


def reducing() -> Scene:
    scene = a_scene()
    scene.command(CommandName.PAUSE)
    return scene


def stale() -> Scene:
    scene = a_scene()
    scene.hear(stream(SYMBOL, StreamState.STALE, "silence"))
    return scene


def overridden() -> Scene:
    scene = a_scene()
    scene.override(stance="reduce-only")
    return scene


def stopped_out() -> Scene:
    scene = a_scene()
    scene.enter()
    scene.price(90.0)
    scene.live_on(5_000)
    scene.price(100.0)
    scene.wait(MINUTE_MS)
    return scene


NOT_TAKEN: dict[str, tuple[Callable[[], Scene], dict[str, object], list[tuple[str, str]]]] = {
    "edge below the bar": (a_scene, {"prediction": 0.001}, [("edge", Code.EDGE_BELOW_BAR)]),
    "no edge": (lambda: a_scene(model=a_model(no_edge=True)), {}, [("slope", Code.MODEL_WITHOUT_EDGE)]),
    "not confirmed": (a_scene, {"context": a_context()}, [("confirmed", Code.NOT_CONFIRMED)]),
    "a short on spot": (a_scene, {"prediction": -0.02}, [("short", Code.SPOT_CANNOT_SHORT)]),
    "trading reduces": (reducing, {}, [("trading", Code.REDUCING)]),
    "stale data": (stale, {}, [("data", Code.DATA_STALE)]),
    "late": (a_scene, {"age_ms": 2 * MINUTE_MS}, [("age", Code.FORECAST_OLD)]),
    "override": (overridden, {}, [("override", Code.OVERRIDDEN)]),
    "stopped out": (stopped_out, {}, [("lock", Code.COOLDOWN)]),
    "abstains": (a_scene, {"missing": ("leader",)}, [("inputs", Code.NO_FORECAST)]),
    "another model": (a_scene, {"model_id": "model-0"}, [("inputs", Code.FORECAST_OF_ANOTHER)]),
    "cannot be used": (a_scene, {"win": 1.5}, [("inputs", Code.FORECAST_UNUSABLE)]),
    "stop too wide": (
        lambda: a_scene({"risk": {"widest_stop_frac": 0.001}}),
        {},
        [("stop_width", Code.STOP_TOO_WIDE)],
    ),
    "too small": (lambda: a_scene(quote="20"), {}, [("size", Code.BELOW_MIN_NOTIONAL)]),
}


@pytest.mark.parametrize("situation", NOT_TAKEN)
def test_what_is_not_taken_names_the_gate_that_said_no(situation: str) -> None:
    scene, given, expected = NOT_TAKEN[situation]
    record = scene().forecast(**given)  # type: ignore[arg-type]  # the keywords of a forecast
    assert record.verdict is Verdict.SKIP
    assert refusals(record) == expected
    assert {reason.code for reason in record.reasons} == {code for _, code in expected}


def test_every_gate_that_says_no_is_kept_in_the_order_asked() -> None:
    scene = reducing()
    scene.hear(stream(SYMBOL, StreamState.STALE, "silence"))
    record = scene.forecast(0.001, context=a_context())
    assert [name for name, _ in refusals(record)] == ["edge", "confirmed", "trading", "data"]


def test_a_confirmation_that_does_not_hold_forbids_nothing_by_itself() -> None:
    record = a_scene().forecast(context=a_context(rsi_14=29.0, bb_position=0.5, hist_vol_20=0.3, atr_14=0.1))
    missing = of_gate(record, "bollinger_extreme")
    assert record.verdict is Verdict.ENTER
    assert (missing.passed, missing.says_no, missing.value) == (False, False, 0.5)


# --- with a position --------------------------------------------------------------------------------------


def holding(**given: object) -> Scene:
    scene = a_scene(**given)  # type: ignore[arg-type]  # the keywords of a scene
    scene.enter()
    scene.wait(MINUTE_MS)
    return scene


def test_a_position_is_held_against_the_hold_bar() -> None:
    record = holding().forecast(0.0005)
    assert record.verdict is Verdict.HOLD
    assert names(record) == ["inputs", "turned", "hold"]
    assert (of_gate(record, "hold").value, of_gate(record, "hold").bar) == (0.0005, 0.0)
    assert of_gate(record, "turned").value == -0.0005


def test_an_edge_that_is_gone_says_so_and_leaves_it_to_the_exits() -> None:
    record = holding().forecast(-0.0005)
    assert record.verdict is Verdict.HOLD
    assert refusals(record) == [("hold", Code.EDGE_GONE)]


def test_a_turned_signal_is_the_gate_that_ended_it() -> None:
    record = holding().forecast(-0.02, context=PEAK)
    assert record.verdict is Verdict.EXIT
    assert refusals(record) == [("turned", Code.SIGNAL_TURNED)]
    assert of_gate(record, "turned").value == 0.02


def test_the_end_of_the_horizon_is_a_gate() -> None:
    scene = a_scene(model=a_model(horizon_candles=1))
    scene.enter()
    scene.wait(MINUTE_MS)
    record = scene.forecast(-0.0005)
    assert record.verdict is Verdict.EXIT
    assert refusals(record) == [("hold", Code.EDGE_GONE), ("horizon", Code.HORIZON_ENDED)]


def test_what_is_under_way_is_not_judged() -> None:
    scene = holding()
    scene.command(CommandName.FLATTEN)
    scene.ignore()
    assert refusals(scene.forecast(0.02)) == [("judged", Code.EXIT_UNDER_WAY)]


def test_a_part_asks_what_an_entry_asks_after_what_holds_the_position() -> None:
    record = holding(settings={"sizing": {"tranches": 4}}).forecast(0.02)
    assert record.verdict is Verdict.ENTER
    assert names(record) == ["inputs", "turned", "hold", *SIGNAL[1:], *ADMISSION, *ENTRY]
    size = workings(record).size
    assert size is not None
    assert (size.part, size.parts) == (2, 4)
    assert size.held_base > 0


# --- a strategy of one's own ------------------------------------------------------------------------------


class Told(Strategy):
    """Says what it asked."""

    def propose(self, view: View) -> Proposal:
        asked = (gate("close", view.context.close < 50, view.context.close, 50),)
        return Pass(reasons=(), gates=asked)


class Silent(Strategy):
    """Does not."""

    def propose(self, view: View) -> Proposal:
        return Enter(side=Side.BUY, stop_frac=0.02, risk_frac=0.001)


def test_a_strategy_may_say_what_it_asked() -> None:
    record = a_scene(strategy=Told(None)).forecast()
    assert of_gate(record, "close") == Gate("close", False, 100.0, 50.0)


def test_of_one_that_does_not_say_it_is_told_that_it_wants_in() -> None:
    record = a_scene(strategy=Silent(None), has_model=False).forecast()
    assert record.verdict is Verdict.ENTER
    assert names(record)[:2] == ["inputs", "strategy"]
    size = workings(record).size
    assert size is not None
    assert size.factors is not None
    assert size.factors.rule == "own"


# --- the same again ---------------------------------------------------------------------------------------


def test_a_replay_of_the_events_gives_the_same_record_to_the_bit() -> None:
    scene = a_scene({"sizing": {"tranches": 4}})
    scene.enter()
    for prediction in (0.02, 0.001, -0.02, 0.02):
        scene.wait(MINUTE_MS)
        scene.forecast(prediction)
        scene.oblige()
    events = msgspec.msgpack.decode(msgspec.msgpack.encode([t.event for t in scene.turns]), type=list[AnyEvent])
    again = Engine(scene.settings, EngineState(scene.settings, scene.instruments, ledger_id="test-ledger"))
    replayed = [decision for event in events for decision in again.process(event)]
    rows, same = of(scene.seen, RecordDecision), of(replayed, RecordDecision)
    assert len(rows) == 5
    assert msgspec.msgpack.encode(same) == msgspec.msgpack.encode(rows)


def test_a_record_is_read_back_as_it_was_written_and_stays_small() -> None:
    record = workings(a_scene().forecast())
    stored = msgspec.msgpack.encode(record)
    assert msgspec.msgpack.decode(stored, type=Workings) == record
    assert len(stored) < 2_000  # a row of an entry; one that opens nothing has no size in it
    assert len(msgspec.msgpack.encode(workings(a_scene().forecast(0.001)))) < 1_000


# --- what the review says, and what is kept apart ---------------------------------------------------------


def test_an_order_that_the_review_refuses_is_told_as_a_gate() -> None:
    """Sized at 2,500, and no order may be worth more than 1,000."""
    record = a_scene({"risk": {"max_order_notional_frac": 0.1}}).forecast()
    review = of_gate(record, "review")
    assert (record.verdict, review.passed, review.code) == (Verdict.ENTER, False, Code.ORDER_LIMIT)
    assert workings(record).orders == 0
    assert record.reasons[-1].code is Code.ORDER_LIMIT


def test_a_slice_at_a_time_is_reviewed_as_it_is_sent() -> None:
    record = a_scene({"execution": {"algorithm": "twap"}}).forecast()
    carriage = workings(record).carriage
    assert carriage is not None
    assert carriage.algorithm == "twap"
    assert (of_gate(record, "review").passed, workings(record).orders) == (True, 1)


def test_what_a_person_wants_closed_is_closed_by_their_word() -> None:
    scene = a_scene()
    scene.forecast(0.02)
    [entry] = sent(scene.seen, Purpose.ENTRY)
    scene.override(stance="ban")
    scene.fill(entry.client_id)
    scene.ignore()
    scene.wait(MINUTE_MS)
    record = scene.forecast(0.02)
    assert record.verdict is Verdict.EXIT
    assert [(gate.name, gate.code) for gate in workings(record).gates] == [("ban", Code.OVERRIDDEN)]


def test_funding_that_is_due_is_a_gate_with_its_edge() -> None:
    scene = a_scene(perpetual=True)
    scene.enter()
    settled_ms = scene.now_ms + MINUTE_MS - 8 * HOUR_MS + 30_000
    scene.hear(FundingSettled(funding=FundingRate(scene.symbol, settled_ms, 0.01)))
    scene.wait(MINUTE_MS)
    record = scene.forecast(0.0005)
    due = of_gate(record, "funding")
    assert record.verdict is Verdict.EXIT
    assert due.value == pytest.approx(0.01)
    assert (due.bar, due.code) == (0.0005, Code.FUNDING_ABOVE_EDGE)
