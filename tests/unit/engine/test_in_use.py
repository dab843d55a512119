"""What the drift of the model, and a change of model, do to decisions."""

import msgspec
import pytest

from tests.kit.builders import SYMBOL, a_forecast, a_model
from tests.kit.harness import CALM, Harness
from tests.kit.situations import a_scene, of
from trader.domain.decisions import Level, Notify, RecordDecision, SubmitOrder
from trader.domain.events import ForecastMade, ModelChanged, ModelWatched
from trader.domain.reasons import Code, because, texts
from trader.domain.signals import DecisionRecord, HealthAction, ModelHealth, Verdict


def started() -> Harness:
    harness = Harness()
    harness.start()
    return harness


def watched(harness: Harness, action: HealthAction, model_id: str = "model-1") -> None:
    moved = because(Code.FEATURE_DRIFT, share=0.31, most=0.25)
    harness.put(ModelWatched(health=ModelHealth(model_id, action, (moved,))))


def decided(harness: Harness) -> DecisionRecord:
    harness.forecast()
    return harness.decided(RecordDecision)[-1].record


def test_a_drifted_model_trades_half_the_size_and_says_so() -> None:
    usual, shrunk = started(), started()
    watched(shrunk, HealthAction.SHRINK)
    whole, half = decided(usual), decided(shrunk)
    assert (whole.verdict, half.verdict) == (Verdict.ENTER, Verdict.ENTER)
    assert "half size: feature_drift 31%>25%" in texts(half.reasons)
    risked = [one.decided(SubmitOrder)[0].approved.intent.quantity for one in (usual, shrunk)]
    assert float(risked[1]) == pytest.approx(float(risked[0]) / 2, rel=1e-3)


def test_a_model_that_lost_its_calibration_opens_nothing_and_a_person_is_told_once() -> None:
    harness = started()
    watched(harness, HealthAction.OBSERVE)
    watched(harness, HealthAction.OBSERVE)
    record = decided(harness)
    assert (record.verdict, texts(record.reasons)) == (Verdict.SKIP, ("model drifted: feature_drift 31%>25%",))
    told = [notice for notice in harness.decided(Notify) if notice.event == "model.drifted"]
    assert [notice.level for notice in told] == [Level.ALERT]
    watched(harness, HealthAction.NONE)
    harness.advance(60_000)
    assert decided(harness).verdict is Verdict.ENTER


def test_an_open_position_is_still_held_and_closed_by_a_drifted_model() -> None:
    harness = started()
    assert decided(harness).verdict is Verdict.ENTER
    watched(harness, HealthAction.OBSERVE)
    harness.advance(60_000)
    assert decided(harness).verdict is Verdict.HOLD
    harness.advance(20 * 60_000)
    harness.price(100.0)
    assert harness.held == 0


def test_drift_survives_a_restart_and_ends_with_the_model() -> None:
    harness = started()
    watched(harness, HealthAction.OBSERVE)
    harness.restart()
    assert texts(decided(harness).reasons) == ("model drifted: feature_drift 31%>25%",)
    harness.model = msgspec.structs.replace(a_model(), model_id="model-2")
    harness.restart()
    assert harness.engine.state.model.health is None
    watched(harness, HealthAction.OBSERVE, "model-1")  # about a model that is gone
    assert harness.engine.state.model.health is None


def test_every_decision_carries_its_model_and_none_mixes_two() -> None:
    """A forecast made before the change is not judged by the new model's slope; the next one trades."""
    harness = started()
    harness.put(ModelChanged(model=msgspec.structs.replace(a_model(), model_id="model-2")))
    record = decided(harness)
    assert (record.model_id, record.verdict) == ("model-1", Verdict.SKIP)
    assert texts(record.reasons) == ("forecast of model-1, the model is model-2 now",)
    harness.advance(60_000)
    open_ms = harness.now_ms - harness.now_ms % 60_000 - 60_000
    made = a_forecast(SYMBOL, prediction=0.02, win_probability=0.7, context=CALM, candle_open_ms=open_ms)
    harness.put(ForecastMade(forecast=msgspec.structs.replace(made, model_id="model-2")))
    record = harness.decided(RecordDecision)[-1].record
    assert (record.model_id, record.verdict) == ("model-2", Verdict.ENTER)


@pytest.mark.parametrize(
    ("action", "level", "words"),
    [
        (HealthAction.SHRINK, Level.WARNING, "new positions at half size"),
        (HealthAction.OBSERVE, Level.ALERT, "nothing new is opened"),
    ],
)
def test_what_drift_leads_to_is_told_when_it_changes(action: HealthAction, level: Level, words: str) -> None:
    scene = a_scene()
    reasons = (because(Code.FEATURE_DRIFT, share=0.31, most=0.25), because(Code.FEATURE_DRIFT, share=0.4, most=0.3))
    why = " (feature_drift 31%>25%, feature_drift 40%>30%)"
    healths = [ModelHealth("model-1", action, reasons), ModelHealth("model-1"), ModelHealth("model-1", action)]
    told = [of(scene.hear(ModelWatched(health=health)), Notify) for health in healths for _ in range(2)]
    assert told == [
        [Notify(level, "model.drifted", words + why, ref="model-1")],
        [],
        [Notify(Level.INFO, "model.drifted", "as in training again", ref="model-1")],
        [],
        [Notify(level, "model.drifted", words, ref="model-1")],
        [],
    ]


def test_what_is_known_of_the_model_in_use_is_written_down_with_every_change() -> None:
    scene = a_scene()
    moved = because(Code.FEATURE_DRIFT, share=0.31, most=0.25)
    scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.SHRINK, (moved,))))
    whole = a_scene().forecast().quantity
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    half = scene.forecast()
    assert half.quantity is not None
    assert whole is not None
    assert half.quantity < whole
    assert texts(half.reasons)[-2] == "half size: feature_drift 31%>25%"
