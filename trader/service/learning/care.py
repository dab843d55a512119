"""Keeps a good model in use: watches it, has new ones trained, lets them prove themselves, promotes and rolls back.

The registry is the truth: whoever changes its champion, this or `trader models promote`, the scorer follows.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from trader.adapters.model_evidence import ModelEvidence
from trader.adapters.model_files import ModelFiles
from trader.config.model import ModelSettings
from trader.domain.candle_arrays import Floats
from trader.domain.errors import Misconfigured
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, ModelWatched
from trader.domain.reasons import told
from trader.domain.signals import HealthAction, ModelHealth, ModelVerdict
from trader.domain.units import HOUR_MS
from trader.models import CompiledEnsemble
from trader.models.drift import FULL_SHARE, DriftReport, SeenRow
from trader.models.shadow import ShadowPair, ShadowResult
from trader.ports import Clock
from trader.runtime.turn import Turn
from trader.scoring.outcomes import Kept
from trader.scoring.watch import Watch, WatchedModel

log = structlog.get_logger("models")

TURN_S = 2.0  # at least this often the registry is looked at, real seconds
_AFTER_FAILURE_S = 10.0
_MOST_ROWS = 2_000


class Swappable(Protocol):
    """The scorer."""

    async def use(self, model: WatchedModel) -> None:
        """From the next forecast on. Raises `Misconfigured` if it does not fit."""

    def require_same_features(self, model: CompiledEnsemble) -> None:
        """Raises `Misconfigured` if it needs other features than the one in use."""


class ModelCare:
    """The care for what `scorer` forecasts with, `watched` at first.

    An outlet of the runner. Make it on the loop's thread, and run `run` there as a task as long as the engine runs.
    """

    name = "model_care"

    def __init__(
        self,
        watched: WatchedModel,
        scorer: Swappable,
        new_watch: Callable[[CompiledEnsemble], Watch],
        files: ModelFiles,
        evidence: ModelEvidence,
        clock: Clock,
        put: Callable[[AnyEvent], None],
        settings: ModelSettings,
    ) -> None:
        self.watched = watched
        self._scorer = scorer
        self._new_watch = new_watch
        self._watch = new_watch(watched.model)
        self._files = files
        self._evidence = evidence
        self._clock = clock
        self._put = put
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._heard: deque[CandleClosed | ForecastMade] = deque()  # put in by the outlet's thread
        self._news = asyncio.Event()
        self._rows: dict[str, Floats] = {}  # inputs of forecasts that were not heard of yet
        self._told = ModelHealth(watched.info.model_id)
        self._registry_seen = -1
        self._refused: set[str] = set()
        self.drift: DriftReport | None = None
        self.shadow: ShadowResult | None = None

    @property
    def model(self) -> CompiledEnsemble:
        return self._watch.model

    @property
    def challenger(self) -> CompiledEnsemble | None:
        return self._watch.challenger

    @property
    def health(self) -> ModelHealth:
        """What was told of the model in use last."""
        return self._told

    @property
    def watched_share(self) -> float:
        """How much of the stretch that drift is judged by has been watched, 0..1."""
        return self._watch.watched_share

    def hear(self, turn: Turn) -> None:
        """What the engine has processed, in its order. Called in the outlet's thread."""
        event = turn.event
        if isinstance(event, CandleClosed | ForecastMade):
            self._heard.append(event)
            self._loop.call_soon_threadsafe(self._news.set)

    async def run(self) -> None:
        """Take care until cancelled."""
        await self.remember()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), TURN_S)
            self._news.clear()
            try:
                await self.turn()
            except Exception:  # edge: whatever goes wrong here, trading goes on with the model in use
                log.exception("model.care_failed")
                await asyncio.sleep(_AFTER_FAILURE_S)

    async def turn(self) -> None:
        """Learn from what was heard, act on it, and follow the registry."""
        heard = [self._heard.popleft() for _ in range(len(self._heard))]
        self._rows |= self.watched.take()
        if heard:
            await asyncio.to_thread(self._learn, heard)
            await self._act()
        while len(self._rows) > _MOST_ROWS:
            del self._rows[next(iter(self._rows))]
        await self._follow_registry()

    # --- learning -----------------------------------------------------------------------------------------

    async def remember(self) -> None:
        """Go on with what was seen of this model before."""
        model_id, since_ms = self.model.info.model_id, self._clock.now_ms() - self._watch.window_ms
        kept = await asyncio.to_thread(self._evidence.outcomes, model_id)
        self._watch.remember(kept, await asyncio.to_thread(self._evidence.rows, model_id, since_ms))

    def _learn(self, heard: Sequence[CandleClosed | ForecastMade]) -> None:
        """In a thread; nothing else touches the watch meanwhile."""
        watch = self._watch
        kept: list[Kept] = []
        pairs: list[ShadowPair] = []
        seen: list[tuple[str, SeenRow]] = []
        for event in heard:
            if type(event) is CandleClosed:
                found = watch.closed(event.candle)
                kept += found.kept
                pairs += found.pairs
            elif type(event) is ForecastMade and event.forecast.model_id == watch.model.info.model_id:
                row = self._rows.pop(event.forecast.feature_hash, None)  # None where inputs were missing
                if row is not None:
                    seen.append((event.forecast.symbol, watch.forecast(event.forecast, row)))
        if kept or pairs:
            challenger = watch.challenger.info.model_id if watch.challenger else ""
            self._evidence.add(watch.model.info.model_id, kept, challenger, pairs)
        if seen:
            self._evidence.add_rows(watch.model.info.model_id, seen)
        self.drift, self.shadow = watch.drift(), watch.shadow()

    # --- acting -------------------------------------------------------------------------------------------

    async def _act(self) -> None:
        assert self.drift is not None
        health = self._watch.health(self.drift, self._clock.now_ms())
        is_known = health.action is not HealthAction.NONE or self._watch.watched_share >= FULL_SHARE
        if is_known and health != self._told:
            self._told = health
            self._put(ModelWatched(health=health))
        if health.action is HealthAction.OBSERVE:
            await asyncio.to_thread(self._roll_back, told(health.reasons, ", "))
        if self.shadow is not None and self.challenger is not None:
            await asyncio.to_thread(self._judge, self.challenger, self.shadow)

    def _roll_back(self, reason: str) -> None:
        """To the champion before this one, if there is one that was not rolled back from already."""
        timeframe, present = self.model.info.timeframe, self.model.info.model_id
        if self._files.champion_id(timeframe) != present or len(self._files.succession(timeframe)) < 2:
            return
        before = self._files.rollback(timeframe, reason)
        log.warning("model.rolled_back", model=before, was=present, reason=reason)

    def _judge(self, challenger: CompiledEnsemble, shadow: ShadowResult) -> None:
        """Promote or dismiss once there is a verdict; a challenge does not last for ever."""
        verdict, reason = shadow.verdict, shadow.reason
        lasted_ms = self._clock.now_ms() - challenger.manifest.window.last_open_ms
        if verdict == "wait" and lasted_ms > self._settings.shadow_hours * HOUR_MS:
            verdict, reason = "dismiss", f"no verdict in {self._settings.shadow_hours:g} h: {reason}"
        observes = challenger.info.verdict is ModelVerdict.OBSERVE
        if verdict == "promote" and observes and self.model.info.verdict is ModelVerdict.TRADE:
            verdict, reason = "dismiss", "it only observes, the champion may trade"
        if verdict == "promote":
            self._files.promote(challenger.info.model_id, f"shadow: {reason}")
        elif verdict == "dismiss":
            self._files.dismiss(challenger.info.model_id)
        if verdict != "wait":
            log.info(f"model.challenger_{verdict}d", model=challenger.info.model_id, reason=reason)

    # --- following ----------------------------------------------------------------------------------------

    async def _follow_registry(self) -> None:
        stamp = self._files.changed_ns()
        if stamp == self._registry_seen:
            return
        self._registry_seen = stamp
        timeframe = self.model.info.timeframe
        champion = await asyncio.to_thread(self._files.champion_id, timeframe)
        if champion is not None and champion != self.model.info.model_id:
            await self._swap(champion)
        challenger = await asyncio.to_thread(self._files.challenger_id, timeframe)
        if challenger != (self.challenger.info.model_id if self.challenger else None):
            await self._compare_with(challenger)

    async def _swap(self, model_id: str) -> None:
        """Another champion: the scorer takes it between two forecasts."""
        model = await self._loaded(model_id)
        if model is None:
            return
        watched = WatchedModel(model)
        await self._scorer.use(watched)
        log.info("model.swapped", model=model_id, was=self.model.info.model_id)
        self.watched, self._watch, self._rows = watched, self._new_watch(model), {}
        self._told, self.drift, self.shadow = ModelHealth(model_id), None, None
        await self.remember()

    async def _compare_with(self, model_id: str | None) -> None:
        challenger = await self._loaded(model_id) if model_id is not None else None
        if model_id is not None and challenger is None:
            await asyncio.to_thread(self._files.dismiss, model_id)
        seen = []
        if challenger is not None:
            log.info("model.challenger", model=challenger.info.model_id, beside=self.model.info.model_id)
            seen = await asyncio.to_thread(self._evidence.pairs, self.model.info.model_id, challenger.info.model_id)
        self._watch.compare_with(challenger, seen)
        self.shadow = self._watch.shadow()

    async def _loaded(self, model_id: str) -> CompiledEnsemble | None:
        """The registered model, proven and fitting; None, and said once, if it is not."""
        try:
            model = await asyncio.to_thread(self._files.load, model_id)
            self._scorer.require_same_features(model)
        except Misconfigured as error:
            if model_id not in self._refused:
                self._refused.add(model_id)
                log.error("model.refused", model=model_id, message=str(error))
            return None
        return model
