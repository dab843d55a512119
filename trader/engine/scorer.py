"""Features and ensemble, off the loop: a closed candle goes in, a `ForecastMade` event comes out."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import structlog
from numpy.typing import NDArray

from trader.domain.errors import Misconfigured
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, ModelChanged
from trader.domain.market import Candle, timeframe_ms
from trader.domain.signals import CONTEXT_COLUMNS, Forecast, MarketContext
from trader.features import FeatureStream
from trader.models import CompiledEnsemble
from trader.ports import Clock, MarketFeed

log = structlog.get_logger("scorer")

_HISTORY_MARGIN = 20


class Scorer:
    """One feature stream per symbol and one model, used by one thread at a time."""

    def __init__(
        self,
        model: CompiledEnsemble,
        feed: MarketFeed,
        clock: Clock,
        put: Callable[[AnyEvent], None],
        *,
        symbols: Sequence[str],
        timeframe: str,
        higher_timeframes: tuple[str, ...],
        history_candles: int,
        told_candles: int,
    ) -> None:
        self._feed = feed
        self._clock = clock
        self._put = put
        self._timeframe = timeframe
        self._candle_ms = timeframe_ms(timeframe)
        self._streams = {s: FeatureStream(timeframe, higher_timeframes=higher_timeframes) for s in symbols}
        columns = next(iter(self._streams.values())).columns
        self._told = told_candles  # of the history, for the engine's own windows
        self._history = max(history_candles, self._streams[symbols[0]].warm_up + _HISTORY_MARGIN)
        self._context = [columns.index(name) for name in CONTEXT_COLUMNS]
        self._columns = {name: index for index, name in enumerate(columns)}
        self._use(model)
        self._offered: asyncio.Queue[Candle] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="scorer")

    def _use(self, model: CompiledEnsemble) -> None:
        unknown = [name for name in model.feature_names if name not in self._columns]
        if unknown:
            raise Misconfigured(
                f"model {model.info.model_id} wants the features {', '.join(unknown[:5])}, which timeframe "
                f"{self._timeframe} does not have; train a new one with `trader train`"
            )
        self._model = model
        self._inputs = np.array([self._columns[name] for name in model.feature_names])

    async def warm_up(self) -> None:
        """Load the history of every symbol and tell the newest closed candles to the engine."""
        for symbol in self._streams:
            since_ms = self._clock.now_ms() - self._history * self._candle_ms
            candles = await self._history_of(symbol, since_ms)
            await asyncio.get_running_loop().run_in_executor(self._thread, self._feed_stream, symbol, candles)
            for candle in candles[-self._told :]:
                self._put(CandleClosed(candle=candle))
            log.info("scorer.warmed_up", symbol=symbol, candles=len(candles))
        self._put(ModelChanged(model=self._model.info))

    def offer(self, candle: Candle) -> None:
        """A candle has closed. Call it on the loop's thread."""
        self._offered.put_nowait(candle)

    async def run(self) -> None:
        """Score candles as they come, all that wait at once."""
        loop = asyncio.get_running_loop()
        while True:
            candles = [await self._offered.get()]
            while not self._offered.empty():
                candles.append(self._offered.get_nowait())
            filled: list[Candle] = []
            newest = {symbol: stream.last_open_ms for symbol, stream in self._streams.items()}
            for candle in candles:
                filled += await self._with_missing(candle, newest[candle.symbol])
                newest[candle.symbol] = candle.open_ms
            for forecast in await loop.run_in_executor(self._thread, self._score, filled):
                self._put(ForecastMade(forecast=forecast))

    def close(self) -> None:
        """End the thread once it has finished what it does."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _history_of(self, symbol: str, since_ms: int) -> list[Candle]:
        candles: list[Candle] = []
        while True:
            page = await self._feed.candles(symbol, self._timeframe, since_ms, 1000)
            candles.extend(page)
            if not page or page[-1].close_ms + self._candle_ms > self._clock.now_ms():
                return candles
            since_ms = page[-1].close_ms

    async def _with_missing(self, candle: Candle, last_ms: int | None) -> list[Candle]:
        """`candle`, after the ones between `last_ms` (the newest known open time) and it."""
        if last_ms is None or candle.open_ms <= last_ms + self._candle_ms:
            return [candle]
        since_ms = last_ms + self._candle_ms
        missing = await self._feed.candles(candle.symbol, self._timeframe, since_ms, 1000)
        log.info("scorer.caught_up", symbol=candle.symbol, candles=len(missing))
        return [*(older for older in missing if older.open_ms < candle.open_ms), candle]

    def _feed_stream(self, symbol: str, candles: Sequence[Candle]) -> None:
        stream = self._streams[symbol]
        for c in candles:
            if stream.last_open_ms is None or c.open_ms > stream.last_open_ms:
                stream.update(c.open_ms, c.open, c.high, c.low, c.close, c.volume)

    def _score(self, candles: Sequence[Candle]) -> list[Forecast]:
        """Update the streams; one forecast for the newest candle of each symbol that is warm."""
        rows: dict[str, tuple[Candle, NDArray[np.float64]]] = {}
        for c in candles:
            stream = self._streams[c.symbol]
            if stream.last_open_ms is not None and c.open_ms <= stream.last_open_ms:
                continue
            row = stream.update(c.open_ms, c.open, c.high, c.low, c.close, c.volume)
            if row is not None:
                rows[c.symbol] = (c, row)
        return forecasts(self._model, self._inputs, self._context, rows)


def forecasts(
    model: CompiledEnsemble,
    inputs: NDArray[np.int64],
    context: Sequence[int],
    rows: Mapping[str, tuple[Candle, NDArray[np.float64]]],
) -> list[Forecast]:
    """One forecast per row (n_columns,); a row with a value that is not finite gives none."""
    if not rows:
        return []
    X = np.stack([row[inputs] for _, row in rows.values()])
    contexts = [MarketContext(*row[context].tolist()) for _, row in rows.values()]
    made = model.predict_rows(X, [c.atr_14 / c.close for c in contexts])
    return [
        Forecast(
            symbol=candle.symbol,
            candle_open_ms=candle.open_ms,
            candle_close_ms=candle.close_ms,
            prediction=scored.prediction,
            win_probability=scored.win_probability,
            confidence=scored.confidence,
            model_id=model.info.model_id,
            feature_hash=hashlib.blake2b(x.tobytes(), digest_size=6).hexdigest(),
            context=seen,
        )
        for (candle, _), x, seen, scored in zip(rows.values(), X, contexts, made, strict=True)
        if not scored.abstains
    ]
