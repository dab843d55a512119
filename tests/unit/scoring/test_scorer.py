"""The live scorer sees exactly what the trainer saw, in time, whatever comes late."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.kit.idle_time import network_passes, quiet
from tests.kit.seen_rows import SeenRows
from tests.unit.sandbox.generated.test_generator import market as sandbox_market
from trader.adapters.observations.funding import FundingSource
from trader.clock import SimulatedClock
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.errors import Misconfigured, Unavailable
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, FundingSettled, ModelChanged
from trader.domain.instrument import Instrument
from trader.domain.market import Book, Candle, FundingRate, Trade
from trader.domain.observation import Observation
from trader.domain.signals import Forecast
from trader.features import Extras, FeatureSet
from trader.features.groups.funding import KNOWN_AFTER_MS
from trader.ports import MarketSink, ObservationSource
from trader.sandbox.generated.market import EPOCH_MS
from trader.scoring.scorer import Scorer
from trader.training.dataset import Dataset, build_dataset

pytestmark = pytest.mark.idle_time

MINUTE, HOUR = 60_000, 3_600_000
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "XRP/USDT")
LIVE = 40
"""Candles of every symbol that come after the start."""

COUNT = 2_160
Floats = NDArray[np.float64]


def candle(symbol: str, number: int, price: float = 100.0) -> Candle:
    open_ms = number * MINUTE
    return Candle(symbol, open_ms, open_ms + MINUTE, price, price, price, price, 1.0)


def settings_of(symbols: Sequence[str], market: str = "spot") -> Settings:
    return Settings(
        # as it is: the candles here are known by these names, whatever the market
        exchange=ExchangeSettings(symbols=tuple(symbols)).model_copy(update={"market": market}),
        market=MarketSettings(history_candles=2_050),
        model=ModelSettings.model_validate({"horizon_candles": 1, "feature_groups": ("leader", "funding", "peers")}),
    )


def with_groups(settings: Settings, more: tuple[str, ...]) -> Settings:
    """Also groups that the configuration does not know."""
    groups = (*settings.model.feature_groups, *more)
    return settings.model_copy(update={"model": settings.model.model_copy(update={"feature_groups": groups})})


def settlements(symbol: str) -> list[FundingRate]:
    """Every hour, from ten days before the newest candle on."""
    last_ms = EPOCH_MS + 4 * 60 * MINUTE
    rng = np.random.default_rng(SYMBOLS.index(symbol.partition(":")[0]))
    return [FundingRate(symbol, at, float(rng.normal(1e-4, 1e-4))) for at in range(last_ms - 240 * HOUR, last_ms, HOUR)]


def known(rates: Sequence[FundingRate]) -> list[Observation]:
    """As they count as known."""
    return [Observation("funding", one.symbol, one.ts_ms, one.ts_ms + KNOWN_AFTER_MS, one.rate) for one in rates]


class PastFeed:
    """Serves the candles up to the clock."""

    def __init__(
        self, candles: Mapping[str, Sequence[Candle]], clock: SimulatedClock, moved: Callable[[], None]
    ) -> None:
        self._candles = candles
        self._clock = clock
        self._moved = moved
        self.asked: list[str] = []
        self.fails_once = False
        self.told_funding: list[tuple[str, int]] = []

    async def instruments(self) -> Mapping[str, Instrument]:
        return {}

    async def candles(self, symbol: str, timeframe: str, since_ms: int, limit: int) -> list[Candle]:
        assert timeframe == "1m"
        self.asked.append(symbol)
        self._moved()
        if self.fails_once:
            self.fails_once = False
            raise Unavailable("no answer")
        known = [c for c in self._candles[symbol] if since_ms <= c.open_ms and c.close_ms <= self._clock.now_ms()]
        return known[:limit]

    async def funding(self, symbol: str, since_ms: int) -> list[FundingRate]:
        known = [rate for rate in settlements(symbol) if since_ms <= rate.ts_ms <= self._clock.now_ms()]
        self.told_funding += [(symbol, rate.ts_ms) for rate in known if rate.ts_ms == EPOCH_MS]
        self._moved()
        return known

    async def run(self, sink: MarketSink) -> None:
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Nothing is open."""


class Bench:
    """A scorer with its market; `start` warms it up to the last `LIVE` candles."""

    def __init__(
        self,
        symbols: Sequence[str] = SYMBOLS,
        *,
        market: str = "spot",
        more_groups: tuple[str, ...] = (),
        late_s: float = 0.05,
        told_sources: Sequence[str] = (),
    ) -> None:
        self.settings = with_groups(settings_of(symbols, market), more_groups)
        self.features = FeatureSet.of(self.settings)
        self.model = SeenRows(self.features)
        self.candles = {
            symbol: [msgspec.structs.replace(c, symbol=symbol) for c in MARKET[symbol.partition(":")[0]]]
            for symbol in self.features.symbols
        }
        self.observed: dict[str, list[Book | Trade]] = {symbol: [] for symbol in self.candles}
        self.clock = SimulatedClock(self.candles[self.features.symbols[0]][-LIVE].open_ms)
        self._moved = asyncio.Event()
        self.moved = self._moved.set  # somebody was asked something
        self.feed = PastFeed(self.candles, self.clock, self.moved)
        self.events: list[AnyEvent] = []
        self.scorer = Scorer(
            self.model,
            self.feed,
            self.clock,
            self._take,
            sources=self.source,
            features=self.features,
            history_candles=COUNT - LIVE,
            told_candles=3,
            late_candle_s=late_s,
            told_sources=told_sources,
        )

    async def __aenter__(self) -> "Bench":
        await self.scorer.warm_up()
        self.events.clear()
        self.restart()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        self.scorer.close()

    def restart(self) -> None:
        self.task = asyncio.create_task(self.scorer.run())

    def source(self, name: str) -> ObservationSource:
        """Where the scorer asks for observations."""
        assert name == "funding"
        return FundingSource(self.feed.funding)

    def extras(self) -> Extras:
        """What the trainer is given beside candles."""
        return {"funding": {symbol: known(settlements(symbol)) for symbol in self.candles}, "books": self.observed}

    def _take(self, event: AnyEvent) -> None:
        self.events.append(event)
        self._moved.set()

    def close_of(self, number: int, *symbols: str) -> None:
        """Offer the `number`-th live candle of the symbols."""
        for symbol in symbols or tuple(self.candles):
            one = self.candles[symbol][number - LIVE]
            self.clock.advance_to(one.close_ms)
            self.scorer.offer(one)

    def trading_in(self, number: int) -> None:
        """Books and trades of the `number`-th live candle, of all symbols."""
        for symbol, candles in self.candles.items():
            one, rng = candles[number - LIVE], np.random.default_rng((number, len(symbol)))
            for at in range(one.open_ms + 1_000, one.close_ms, 9_000):
                sizes = rng.exponential(1.0, (2, 5)).tolist()
                bids, asks = (
                    tuple((100.0 + s * (n + 1), q) for n, q in enumerate(side))
                    for s, side in zip((-1, 1), sizes, strict=True)
                )
                trade = Trade(symbol, at + 1, str(at), 100.0, float(rng.exponential()), bool(rng.integers(2)))
                for event in (Book(symbol, at, bids, asks), trade):
                    self.observed[symbol].append(event)
                    self.scorer.observe(event)

    @property
    def forecasts(self) -> list[Forecast]:
        """Those that say something."""
        made = [event.forecast for event in self.events if isinstance(event, ForecastMade)]
        return [forecast for forecast in made if not forecast.missing]

    @property
    def silent(self) -> list[tuple[str, tuple[str, ...]]]:
        """(symbol, missing groups) of the others."""
        made = [event.forecast for event in self.events if isinstance(event, ForecastMade)]
        return [(forecast.symbol, forecast.missing) for forecast in made if forecast.missing]

    async def has_told(self, count: int) -> None:
        """Wait for the `count`-th forecast; no more may come."""
        await self.until(lambda: len(self.forecasts) >= count)
        await quiet()
        assert len(self.forecasts) == count

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that an event or a request of the scorer brings about."""
        while not is_so():
            self._moved.clear()
            await self._moved.wait()

    def table(self) -> Dataset:
        """What the trainer makes of the very same candles."""
        candles = {symbol: arrays_of(candles) for symbol, candles in self.candles.items()}
        return build_dataset(candles, self.settings, extras=self.extras())

    def expected(self, forecast: Forecast) -> Floats:
        table = self.table_
        at = (table.start_ms == forecast.candle_close_ms) & (table.symbol == list(self.candles).index(forecast.symbol))
        (position,) = np.flatnonzero(at)
        return np.asarray(table.X[position])

    def assert_equal_to_training(self) -> None:
        """Every row the model saw is the trainer's, bit for bit."""
        self.table_ = self.table()
        labelled = [
            (forecast, row)
            for forecast, row in zip(self.forecasts, self.model.rows, strict=True)
            if forecast.candle_close_ms <= self.table_.start_ms[-1]  # the last candle has no label
        ]
        assert labelled
        for forecast, row in labelled:
            assert np.array_equal(row, self.expected(forecast)), forecast.symbol


def arrays_of(candles: Sequence[Candle]) -> CandleArrays:
    columns = np.array([(c.open, c.high, c.low, c.close, c.volume) for c in candles]).T
    return CandleArrays(np.array([c.open_ms for c in candles]), *columns)


def from_the_sandbox() -> dict[str, list[Candle]]:
    """Candles of the bundled exchange's generated market."""
    made = sandbox_market(SYMBOLS, history=COUNT).begin(EPOCH_MS + LIVE // 2 * MINUTE)
    return {
        symbol: [
            Candle(symbol, int(t), int(t) + MINUTE, o, h, low, c, v)
            for t, o, h, low, c, v in made[symbol][:, :6].tolist()
        ]
        for symbol in SYMBOLS
    }


MARKET = from_the_sandbox()


async def test_live_rows_equal_the_trainers_bit_for_bit_groups_included() -> None:
    async with Bench() as bench:
        for number in range(LIVE):
            bench.close_of(number, *np.random.default_rng(number).permutation(SYMBOLS).tolist())
            await bench.has_told(4 * (number + 1))
    assert bench.features.groups == ("leader", "peers")
    assert {"beta_60", "correlation_240", "return_rank_15", "hour_of_week"} <= set(bench.features.inputs)
    bench.assert_equal_to_training()


async def test_live_rows_of_a_perpetual_know_the_same_funding_as_the_trainers() -> None:
    bench = Bench(market="perpetual")
    bench.clock.speed = 10_000.0  # asks every full hour of the market: a third of a second
    async with bench:
        for number in range(LIVE):
            bench.close_of(number)
            await bench.has_told(4 * (number + 1))
            if bench.clock.now_ms() == EPOCH_MS + MINUTE:
                await bench.until(lambda: set(bench.feed.told_funding) == {(s, EPOCH_MS) for s in bench.candles})
    changes = {row[bench.features.inputs.index("funding_age_h")] > 0.5 for row in bench.model.rows}
    assert changes == {True, False}  # a settlement became known meanwhile
    assert bench.features.groups == ("leader", "funding", "peers")
    bench.assert_equal_to_training()


@pytest.mark.parametrize("market", ["perpetual", "spot"])
async def test_the_engine_is_told_the_newest_settlement_whether_the_model_sees_it_or_not(market: str) -> None:
    bench = Bench(market=market, told_sources=("funding",))
    await bench.scorer.warm_up()
    told = [event for event in bench.events if isinstance(event, FundingSettled)]
    known_until = bench.clock.now_ms() - KNOWN_AFTER_MS
    newest = {
        symbol: [one for one in settlements(symbol) if one.ts_ms <= bench.clock.now_ms()][-1]
        for symbol in bench.candles
    }
    assert {event.funding.symbol: event.funding for event in told} == newest
    assert {event.every_ms for event in told} == {HOUR}
    assert all(event.funding.ts_ms <= known_until + HOUR for event in told)
    await bench.scorer.warm_up()  # learned anew: told again, with the same period
    again = [event for event in bench.events if isinstance(event, FundingSettled)][len(told) :]
    assert again == told
    bench.scorer.close()


async def test_live_rows_know_the_same_of_the_books_as_rows_made_from_recorded_ones() -> None:
    async with Bench(SYMBOLS[:3], more_groups=("books",)) as bench:
        for number in range(3):  # the beginning of the first may be missing, so it has no columns of books
            bench.trading_in(number)
            bench.close_of(number)
            await bench.has_told(3 * number)
        bench.close_of(3)  # no books: masked, so the model says nothing
        await bench.until(lambda: len(bench.silent) == 6)
        bench.trading_in(4)
        bench.close_of(4)
        bench.trading_in(5)
        bench.close_of(5)
        await bench.has_told(9)
    assert bench.features.groups == ("leader", "books", "peers")
    assert bench.silent == [(symbol, ("books",)) for symbol in SYMBOLS[:3]] * 2
    assert {f.candle_open_ms for f in bench.forecasts} == {
        bench.candles["BTC/USDT"][n - LIVE].open_ms for n in (1, 2, 5)
    }
    bench.assert_equal_to_training()


async def test_the_engine_is_told_the_newest_history_and_the_model() -> None:
    bench = Bench()
    await bench.scorer.warm_up()
    told = [event.candle for event in bench.events if isinstance(event, CandleClosed)]
    assert told == [one for symbol in SYMBOLS for one in bench.candles[symbol][-LIVE - 3 : -LIVE]]
    assert isinstance(bench.events[-1], ModelChanged)
    bench.scorer.close()


async def test_a_late_symbol_holds_up_the_others_for_its_budget_only_and_nothing_is_remembered_wrong() -> None:
    async with Bench() as bench:
        bench.close_of(0, *SYMBOLS[:3])
        await bench.has_told(3)  # ranks among the three that are there
        bench.close_of(1, *SYMBOLS[:3])
        await bench.has_told(6)
        bench.close_of(0, SYMBOLS[3])
        await bench.has_told(7)
        bench.close_of(1, SYMBOLS[3])
        await bench.has_told(8)
        bench.model.rows.clear()
        bench.events.clear()
        bench.close_of(2)
        await bench.has_told(4)
    bench.assert_equal_to_training()


async def test_without_the_leader_the_others_say_nothing_and_are_right_again_once_it_came() -> None:
    async with Bench(late_s=0.01) as bench:
        bench.close_of(0, *SYMBOLS[1:])
        await network_passes(0.1)
        assert bench.forecasts == []  # what the model knows of the leader is masked
        assert bench.silent == []  # it may still come
        bench.close_of(0, SYMBOLS[0])
        await bench.has_told(4)
        for number in range(1, 5):
            bench.close_of(number)
            await bench.has_told(4 * (number + 1))
    bench.assert_equal_to_training()


async def test_a_leader_that_was_gone_for_long_is_learned_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trader.scoring.rounds.PATIENCE_S", 0.0)
    gone = 33
    async with Bench(late_s=0.0) as bench:
        for number in range(gone):
            bench.close_of(number, *SYMBOLS[1:])
            await network_passes(0.005)
        await bench.until(lambda: {(symbol, ("leader",)) for symbol in SYMBOLS[1:]} <= set(bench.silent))
        assert bench.forecasts == []
        bench.feed.asked.clear()
        for number in range(gone):
            bench.close_of(number, SYMBOLS[0])
        await bench.until(lambda: set(bench.feed.asked) == set(SYMBOLS))
        bench.model.rows.clear()
        bench.events.clear()
        bench.close_of(gone)
        await bench.has_told(4)
    assert np.isfinite(np.array(bench.model.rows)).all()


@pytest.mark.parametrize(("symbols", "groups"), [(SYMBOLS[:1], ()), (SYMBOLS[:2], ("leader",))])
async def test_few_symbols_have_the_groups_that_make_sense(symbols: Sequence[str], groups: tuple[str, ...]) -> None:
    async with Bench(symbols) as bench:
        assert bench.features.groups == groups
        for number in range(3):
            bench.close_of(number, *reversed(symbols))
            await bench.has_told(len(symbols) * (number + 1))
    bench.assert_equal_to_training()


async def test_a_candle_the_stream_left_out_is_asked_for() -> None:
    async with Bench() as bench:
        bench.close_of(0)
        await bench.has_told(4)
        bench.close_of(2, SYMBOLS[1])
        bench.close_of(1, SYMBOLS[0], *SYMBOLS[2:])
        bench.close_of(2, SYMBOLS[0], *SYMBOLS[2:])
        await bench.has_told(8)
    bench.assert_equal_to_training()


async def test_a_hole_that_cannot_be_filled_now_is_filled_with_the_next_candle() -> None:
    async with Bench() as bench:
        bench.feed.fails_once = True
        bench.close_of(1, SYMBOLS[1])  # the one before is missing, and the exchange does not answer
        bench.close_of(0, SYMBOLS[0], *SYMBOLS[2:])
        bench.close_of(1, SYMBOLS[0], *SYMBOLS[2:])
        await bench.has_told(3)  # ranked among the three that are there
        bench.events.clear()
        bench.model.rows.clear()
        bench.close_of(2)
        await bench.has_told(4)
    assert not bench.feed.fails_once
    bench.assert_equal_to_training()


async def test_a_broken_run_starts_from_the_history_again() -> None:
    async with Bench() as bench:
        bench.close_of(0)
        await bench.has_told(4)
        bench.scorer.offer(msgspec.structs.replace(bench.candles[SYMBOLS[0]][1 - LIVE], low=-1.0))
        bench.close_of(1, *SYMBOLS[1:])
        with pytest.raises(ExceptionGroup) as raised:
            await bench.task
        assert raised.group_contains(ValueError, match="not above 0")
        bench.feed.asked.clear()
        bench.restart()
        await bench.until(lambda: set(bench.feed.asked) == set(SYMBOLS))
        bench.events.clear()
        bench.model.rows.clear()
        bench.close_of(2)
        await bench.has_told(4)


def test_a_model_of_other_features_is_refused() -> None:
    features = FeatureSet.of(settings_of(SYMBOLS))
    other_leader = msgspec.structs.replace(features, symbols=(*SYMBOLS[1:], SYMBOLS[0]))
    fewer_peers = msgspec.structs.replace(features, symbols=SYMBOLS[:3])
    for foreign in (other_leader, fewer_peers):
        with pytest.raises(Misconfigured, match="trained on other features"):
            scorer_of(SeenRows(foreign), features)
    model = SeenRows(features)
    model.manifest = msgspec.structs.replace(model.manifest, feature_names=("moon_phase",))
    with pytest.raises(Misconfigured, match=r"knows 1 inputs.*trader train"):
        scorer_of(model, features)


async def test_what_a_model_asks_for_decides_what_is_computed() -> None:
    """Settings with groups, a model without: the scorer makes the model's inputs, and takes no other kind later."""
    features = FeatureSet.of(settings_of(SYMBOLS))
    plain = msgspec.structs.replace(features, groups=())
    scorer = scorer_of(SeenRows(plain), features)
    await scorer.use(SeenRows(plain))
    with pytest.raises(Misconfigured, match="Restart to use it"):
        await scorer.use(SeenRows(features))
    scorer.close()


def scorer_of(model: SeenRows, features: FeatureSet) -> Scorer:
    clock = SimulatedClock(EPOCH_MS)
    feed = PastFeed(MARKET, clock, lambda: None)
    return Scorer(
        model,
        feed,
        clock,
        lambda _event: None,
        sources=lambda _name: FundingSource(feed.funding),
        features=features,
        history_candles=2_050,
        told_candles=3,
        late_candle_s=0.1,
    )
