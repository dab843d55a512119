"""Features and ensemble, off the loop: a closed candle goes in, a `ForecastMade` event comes out."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import structlog

from trader.domain.errors import Rejected, Unavailable
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, FundingSettled, ModelChanged
from trader.domain.market import Book, Candle, FundingRate, Trade, timeframe_ms
from trader.domain.observation import Observation
from trader.domain.units import DAY_MS
from trader.features import FeatureSet
from trader.features.groups.funding import SOURCE as FUNDING
from trader.ports import Clock, MarketFeed, ObservationSource
from trader.scoring.following import Following
from trader.scoring.rounds import Rounds
from trader.scoring.scoring import ForecastModel, Scoring, Work

log = structlog.get_logger("scorer")
T = TypeVar("T")

_HISTORY_MARGIN = 20
_LATE_SHARE = 0.5
"""Most of a candle's own length that its close waits for other symbols."""

_TOLERATED = 10
"""Candles that symbols may be apart once their histories are loaded."""

_OBSERVE_EVERY_S = 0.5

_TOLD_LOOKBACK_MS = DAY_MS
"""How long before the first candle a source is asked for that only the engine needs."""

_SETTLEMENTS = 4
"""How many tell how often funding is settled: exchanges change it now and then."""


class Scorer:
    """Gathers the candles of each close and has one thread turn them into forecasts."""

    def __init__(
        self,
        model: ForecastModel | None,
        feed: MarketFeed,
        clock: Clock,
        put: Callable[[AnyEvent], None],
        *,
        sources: Callable[[str], ObservationSource],
        features: FeatureSet,
        history_candles: int,
        told_candles: int,
        late_candle_s: float,
        wanted: Mapping[str, Sequence[str]] | None = None,
        told_sources: Sequence[str] = (),
    ) -> None:
        """`told_sources`: followed for the engine, also where no feature is made from them."""
        self._scoring = Scoring(model, features, wanted)
        self._feed = feed
        self._clock = clock
        self._put = put
        self._symbols = features.symbols
        self._timeframe = features.timeframe
        self._candle_ms = timeframe_ms(features.timeframe)
        self._told = told_candles  # of the history, for the engine's own windows
        self._history = max(history_candles, features.warm_up + _HISTORY_MARGIN)
        self._late_s = min(late_candle_s, self._candle_ms / 1000 / clock.speed * _LATE_SHARE)
        self._rounds = Rounds((), late_s=self._late_s)
        self._newest: dict[str, int] = {}  # symbol -> open time of its newest candle
        self._offered: asyncio.Queue[Candle] = asyncio.Queue()
        self._hears = self._scoring.features.hears
        self._heard: list[Book | Trade | Observation] = []
        self._settled_ms: dict[str, list[int]] = {}  # symbol -> the newest settlements of its funding
        followed = {**dict.fromkeys(told_sources, _TOLD_LOOKBACK_MS), **self._scoring.features.sources}
        self._followed = [
            Following(sources(name), features.symbols, clock, lookback_ms, self._heard_of)
            for name, lookback_ms in followed.items()
        ]
        self._is_broken = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")

    async def warm_up(self) -> None:
        """Load the history of every symbol and tell the newest closed candles to the engine."""
        await self._load(tells=True)
        if self._scoring.model is not None:
            self._put(ModelChanged(model=self._scoring.model.info))

    def offer(self, candle: Candle) -> None:
        """A candle has closed. Call it on the loop's thread."""
        self._offered.put_nowait(candle)

    def observe(self, event: Book | Trade) -> None:
        """A book or a trade has arrived. Call it on the loop's thread."""
        if type(event) in self._hears:
            self._heard.append(event)

    async def use(self, model: ForecastModel) -> None:
        """From now on forecast with `model`; raises `Misconfigured` if it does not fit the running features."""
        await self._in_thread(self._scoring.use, model)
        self._put(ModelChanged(model=model.info))

    def require_same_features(self, model: ForecastModel) -> None:
        """Raises `Misconfigured` if `model` needs other features than the one in use."""
        self._scoring.require_same_features(model)

    async def run(self) -> None:
        """Score candles as they come, all that wait at once."""
        async with asyncio.TaskGroup() as group:
            for one in self._followed:
                group.create_task(one.run(), name=f"follow {one.name}")
            await self._score_candles()

    async def _score_candles(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_broken:
            await self._load(tells=False)
        self._is_broken = True  # until what has begun below is done
        while True:
            late = await self._gather()
            await self._flush()
            now = loop.time()
            work = Work(late, self._rounds.take_complete(now), self._rounds.take_overdue(now))
            for forecast in await self._in_thread(self._scoring.score, work):
                self._put(ForecastMade(forecast=forecast))
            if self._scoring.is_doubtful and self._symbols[0] not in self._rounds.gone:
                log.info("scorer.leader_is_back", message="its missed candles are learned anew")
                await self._load(tells=False)

    def close(self) -> None:
        """End the thread once it has finished what it does."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _load(self, *, tells: bool) -> None:
        """The past of every symbol, the leader's first; what is newer than the leader's end waits for it."""
        await self._in_thread(self._scoring.restart)
        self._heard = [event for event in self._heard if not isinstance(event, Observation)]
        first_ms = self._clock.now_ms() - self._history * self._candle_ms
        await asyncio.gather(*(one.begin(first_ms) for one in self._followed))
        awaited, now = self._scoring.awaited, asyncio.get_running_loop().time()
        done_ms: int | None = None
        newer: list[Candle] = []
        for symbol in self._symbols:
            since_ms = self._clock.now_ms() - self._history * self._candle_ms
            candles = await self._history_of(symbol, since_ms)
            if candles:
                self._newest[symbol] = candles[-1].open_ms
                done_ms = candles[-1].open_ms if done_ms is None else done_ms
            past = [c for c in candles if not awaited or (done_ms is not None and c.open_ms <= done_ms)]
            newer += candles[len(past) :]
            await self._in_thread(self._scoring.learn_history, symbol, past)
            for candle in candles[-self._told :] if tells else ():
                self._put(CandleClosed(candle=candle))
            log.info("scorer.warmed_up", symbol=symbol, candles=len(candles))
        if awaited and done_ms is not None and self._clock.now_ms() > done_ms + _TOLERATED * self._candle_ms:
            for symbol in self._symbols:  # loading took many candles' time: the first symbols have fallen behind
                more = await self._history_of(symbol, self._newest.get(symbol, done_ms) + self._candle_ms)
                self._newest |= {candle.symbol: candle.open_ms for candle in more}
                newer += more
        self._rounds = Rounds(awaited, late_s=self._late_s, done_ms=done_ms)
        for candle in newer:
            self._rounds.add(candle, now)
        self._is_broken = False

    async def _gather(self) -> list[Candle]:
        """Wait for candles, or until a close is overdue. Returns those that are late."""
        candles = await self._next_candles()
        late: list[Candle] = []
        for offered in candles:
            whole = await self._with_missing(offered)
            late += [candle for candle in whole if not self._rounds.add(candle, asyncio.get_running_loop().time())]
        return late

    async def _next_candles(self) -> list[Candle]:
        """All candles that wait; none if a close became overdue, or books should be taken, before one came."""
        now = asyncio.get_running_loop().time()
        due = self._rounds.next_due(now)
        waits = ([] if due is None else [due - now]) + ([_OBSERVE_EVERY_S] if self._hears else [])
        try:
            candles = [await asyncio.wait_for(self._offered.get(), min(waits, default=None))]
        except TimeoutError:
            return []
        while not self._offered.empty():
            candles.append(self._offered.get_nowait())
        return candles

    async def _flush(self) -> None:
        heard, self._heard = self._heard, []
        if heard:
            await self._in_thread(self._scoring.learn, heard)

    def _heard_of(self, observations: Sequence[Observation]) -> None:
        self._heard += [one for one in observations if one.source in self._scoring.features.sources]
        settled = [one for one in observations if one.source == FUNDING]
        if settled:
            self._tell_funding(settled[-1], [one.event_ms for one in settled])

    def _tell_funding(self, newest: Observation, settled_ms: Sequence[int]) -> None:
        """What a position costs to hold: for the engine, whatever the model sees of it."""
        times = sorted({*settled_ms, *self._settled_ms.get(newest.symbol, ())})[-_SETTLEMENTS:]
        self._settled_ms[newest.symbol] = times
        every_ms = min((later - earlier for earlier, later in pairwise(times)), default=0)  # one may be missing
        self._put(FundingSettled(funding=FundingRate(newest.symbol, newest.event_ms, newest.value), every_ms=every_ms))

    async def _history_of(self, symbol: str, since_ms: int) -> list[Candle]:
        candles: list[Candle] = []
        while True:
            page = await self._feed.candles(symbol, self._timeframe, since_ms, 1000)
            candles.extend(page)
            if not page or page[-1].close_ms + self._candle_ms > self._clock.now_ms():
                return candles
            since_ms = page[-1].close_ms

    async def _with_missing(self, candle: Candle) -> Sequence[Candle]:
        """`candle`, after the ones between the symbol's newest and it; nothing if it is known already."""
        last_ms = self._newest.get(candle.symbol)
        if last_ms is not None and candle.open_ms <= last_ms:
            return []
        found = [candle]
        if last_ms is not None and candle.open_ms > last_ms + self._candle_ms:
            try:
                missing = await self._feed.candles(candle.symbol, self._timeframe, last_ms + self._candle_ms, 1000)
            except (Unavailable, Rejected) as error:  # its next candle asks again, for this one too
                log.warning("scorer.candles_unknown", symbol=candle.symbol, error=str(error))
                return []
            log.info("scorer.caught_up", symbol=candle.symbol, candles=len(missing))
            found = [*(older for older in missing if older.open_ms < candle.open_ms), candle]
        self._newest[candle.symbol] = candle.open_ms
        return found

    async def _in_thread(self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
