"""The model in use is watched, challenged, replaced and brought back; the scorer follows the registry."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.kit.builders import a_context, a_forecast
from trader.adapters.model_evidence import ModelEvidence
from trader.adapters.model_files import ModelFiles
from trader.clock import SimulatedClock
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured, Unavailable
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, ModelWatched
from trader.domain.market import Candle
from trader.domain.signals import HealthAction
from trader.models import CompiledEnsemble
from trader.models.artefact import TrainingWindow, pack
from trader.models.synthetic import SMALL_SHAPE, synthetic_arrays, synthetic_ensemble
from trader.runtime.turn import Turn
from trader.scoring.scoring import feature_hash
from trader.scoring.watch import Watch, WatchedModel
from trader.service.learning.care import ModelCare
from trader.service.learning.retraining import Retraining

MINUTE, HOUR = 60_000, 3_600_000
START = 1_700_000_040_000  # on the minute
QUICK = ModelSettings(shadow_forecasts=30, shadow_blocks=3, horizon_candles=2)


def model(model_id: str, *, verdict: str = "observe", until_ms: int = START, probability: float = 0.5) -> bytes:
    """A made-up model of 1m candles and a horizon of 2; it promises `probability` to win, whatever it sees."""
    arrays = msgspec.structs.replace(
        synthetic_arrays(3, SMALL_SHAPE, (2,)), levels=np.array([float(np.log(probability / (1 - probability))), 0.0])
    )
    manifest = synthetic_ensemble(3, SMALL_SHAPE, (2,)).manifest
    info = msgspec.structs.replace(
        manifest.info, model_id=model_id, timeframe="1m", horizon_candles=2, slope=0.1, verdict=verdict
    )
    window = TrainingWindow(symbols=("BTC/USDT",), first_open_ms=0, last_open_ms=until_ms, rows=1)
    return pack(arrays, msgspec.structs.replace(manifest, info=info, window=window))


class FakeScorer:
    def __init__(self) -> None:
        self.used: list[str] = []

    async def use(self, watched: Any) -> None:
        self.used.append(watched.info.model_id)

    def require_same_features(self, one: CompiledEnsemble) -> None:
        if one.info.model_id == "misfit":
            raise Misconfigured("misfit needs other features")


class Bench:
    """One `ModelCare` with everything around it but the engine and the scorer."""

    def __init__(self, root: Path, settings: ModelSettings = QUICK, **champion: Any) -> None:
        self.files, self.evidence = ModelFiles(root), ModelEvidence(root)
        if self.files.champion_id("1m") is None:
            self.files.promote(self.files.register(model("old", **champion)))
        first = self.files.load_champion("1m")
        assert first is not None
        self.clock, self.events, self.scorer = SimulatedClock(START), list[AnyEvent](), FakeScorer()
        everything = Settings(model=settings)
        self.care = ModelCare(
            WatchedModel(first), self.scorer, lambda one: Watch(one, everything, {"BTC/USDT": 0.001}),
            self.files, self.evidence, self.clock, self.events.append, settings,
        )  # fmt: skip
        self.rng = np.random.default_rng(0)
        self.price = 100.0

    async def candles(self, count: int, *, falls: bool = False, feature: float = 0.0) -> None:
        """So many closes, each with a forecast of the model in use."""
        for _ in range(count):
            now = self.clock.now_ms()
            move = -0.03 if falls else float(self.rng.normal(0, 0.002))
            opened, self.price = self.price, self.price * float(np.exp(move))
            high, low = max(opened, self.price), min(opened, self.price)
            candle = Candle("BTC/USDT", now - MINUTE, now, opened, high, low, self.price, 1)
            self.care.hear(Turn(CandleClosed(candle=candle)))
            row = self.rng.normal(size=3) + feature
            watched = self.care.watched
            scored = watched.predict_rows(row[np.newaxis, :], [0.005])[0]
            made = a_forecast(
                prediction=scored.prediction, win_probability=scored.win_probability, candle_open_ms=now - MINUTE,
                context=a_context(close=self.price), model_id=watched.info.model_id,
            )  # fmt: skip
            told = msgspec.structs.replace(made, feature_hash=feature_hash(row))
            self.care.hear(Turn(ForecastMade(forecast=told)))
            await self.care.turn()
            self.clock.advance_to(now + MINUTE)

    def told(self) -> list[HealthAction]:
        return [event.health.action for event in self.events if isinstance(event, ModelWatched)]


async def test_a_promotion_by_hand_is_followed_and_an_unsound_one_is_not(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.candles(2)
    bench.files.promote(bench.files.register(model("new")))
    await bench.care.turn()
    assert (bench.scorer.used, bench.care.model.info.model_id) == (["new"], "new")
    for bad in ("torn", "misfit"):
        bench.files.promote(bench.files.register(model(bad)))
        if bad == "torn":
            (tmp_path / "torn.model").write_bytes(b"x")
        await bench.care.turn()
    assert (bench.scorer.used, bench.care.model.info.model_id) == (["new"], "new")
    bench.files.promote("old")
    await bench.care.turn()
    assert bench.scorer.used == ["new", "old"]


async def test_a_challenger_proves_itself_and_takes_over(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.files.challenge(bench.files.register(model("new")))
    await bench.candles(20)
    assert bench.care.challenger is not None
    assert bench.scorer.used == []
    assert bench.care.shadow is not None
    assert bench.care.shadow.reason == "forecasts 17<30"  # the first close came before it was known
    await bench.candles(20)
    assert bench.scorer.used == ["new"]
    assert bench.files.history("1m")[0].reason.startswith("shadow: advantage_t")
    assert bench.care.challenger is None


async def test_what_was_seen_survives_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.files.challenge(bench.files.register(model("new")))
    await bench.candles(20)
    again = Bench(tmp_path)
    again.clock.advance_to(bench.clock.now_ms())
    await again.care.remember()
    await again.care.turn()
    assert again.care.watched_share == bench.care.watched_share > 0.3
    assert again.care.shadow is not None
    assert again.care.shadow.forecasts == 17
    assert len(again.evidence.outcomes("old")) >= 17


@pytest.mark.parametrize("why", ["only observes", "never proves itself"])
async def test_a_challenger_that_may_not_replace_the_champion_is_dismissed(tmp_path: Path, why: str) -> None:
    settings = QUICK if why == "only observes" else QUICK.model_copy(update={"shadow_hours": 0.1})
    bench = Bench(tmp_path, settings, verdict="trade" if why == "only observes" else "observe")
    bench.files.challenge(bench.files.register(model("new")))
    await bench.candles(40 if why == "only observes" else 12)
    assert bench.files.challenger_id("1m") is None
    assert bench.care.challenger is None
    assert bench.files.champion_id("1m") == "old"


async def test_broken_promises_bring_the_model_before_back(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.files.promote(bench.files.register(model("worse", probability=0.9)))
    await bench.care.turn()
    await bench.candles(130, falls=True)
    assert bench.scorer.used == ["worse", "old"]
    assert bench.files.history("1m")[0].action == "roll_back"
    assert bench.files.history("1m")[0].reason.startswith("calibration_t")
    assert HealthAction.OBSERVE in bench.told()


async def test_without_a_model_before_nothing_is_opened_until_another_one_is_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, probability=0.9)
    await bench.candles(130, falls=True)
    assert bench.told()[-1] is HealthAction.OBSERVE
    assert bench.files.champion_id("1m") == "old"
    retraining = a_retraining(bench, lambda told: asyncio.sleep(0))
    bench.clock.advance_to(START + 7 * HOUR)
    assert retraining.due().startswith("calibration_t")


async def test_a_market_that_moved_away_shrinks_and_asks_for_a_training(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.candles(40, feature=3.0)
    assert bench.told() == []  # a part of the window says nothing
    drift = bench.care._watch._drift  # noqa: SLF001 - a window that is judged sooner
    drift._rules = msgspec.structs.replace(drift._rules, fewest_rows=50)  # noqa: SLF001 - as above
    await bench.candles(40, feature=3.0)
    assert bench.told() == [HealthAction.SHRINK]
    assert bench.care.drift is not None
    assert bench.care.drift.action == "retrain"


# --- when to train ----------------------------------------------------------------------------------------


def a_retraining(bench: Bench, train: Any, settings: ModelSettings = QUICK) -> Retraining:
    return Retraining(bench.care, bench.files, bench.evidence, bench.clock, settings, train)


async def test_the_schedule_counts_from_what_the_newest_model_has_seen(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    retraining = a_retraining(bench, lambda told: asyncio.sleep(0))
    assert retraining.next_ms == START + 24 * HOUR
    assert retraining.due() == ""
    bench.clock.advance_to(START + 24 * HOUR)
    assert retraining.due() == "schedule, 24 h"
    assert a_retraining(bench, None, QUICK.model_copy(update={"retrain_hours": 0.0})).due() == ""
    bench.files.challenge(bench.files.register(model("new")))
    await bench.care.turn()
    assert retraining.due() == ""  # one at a time
    assert a_retraining(bench, None).next_ms is None


async def test_a_training_that_fails_is_not_tried_again_at_once(tmp_path: Path) -> None:
    bench, tries = Bench(tmp_path), list[str]()

    async def train(told: Any) -> None:
        told("training 10%")
        tries.append(retraining.progress)
        raise Unavailable("out of memory")

    retraining = a_retraining(bench, train)
    bench.clock.advance_to(START + 48 * HOUR)
    await retraining.retrain(retraining.due())
    assert (tries, retraining.progress, retraining.due()) == (["training 10%"], "", "")


async def test_a_finished_training_is_not_due_again_and_old_models_go(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"keep_models": 2})
    bench = Bench(tmp_path, settings)

    async def train(told: Any) -> None:
        for name in ("a", "b", "c"):
            bench.files.register(model(name, until_ms=bench.clock.now_ms()))

    retraining = a_retraining(bench, train, settings)
    bench.clock.advance_to(START + 48 * HOUR)
    await retraining.retrain("schedule")
    assert retraining.due() == ""
    assert {entry.model_id for entry in bench.files.list()} == {"old", "b", "c"}
    assert not (tmp_path / "a.model").exists()


async def test_the_daemon_ends_a_training_with_itself(tmp_path: Path) -> None:
    bench, ended, started = Bench(tmp_path), asyncio.Event(), asyncio.Event()

    async def train(told: Any) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    bench.clock.advance_to(START + 48 * HOUR)
    task = asyncio.ensure_future(a_retraining(bench, train).run())
    await asyncio.wait_for(started.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
