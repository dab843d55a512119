"""A source and a group that the house does not have: registered, and there from the source to the training table."""

import sys
from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from tests.unit.scoring.test_scorer import COUNT, LIVE, MINUTE, SYMBOLS, Bench
from trader.adapters.observations import live_source
from trader.clock import SimulatedClock
from trader.domain.candle_arrays import Floats, Times
from trader.domain.observation import WHOLE_MARKET, Observation
from trader.features import Extras, FeatureSet, FeatureStream, compute_features, model_inputs
from trader.features.columns import Family
from trader.features.groups import registry
from trader.features.groups.as_of import Known, as_of
from trader.features.groups.group import Group, always
from trader.ports import ObservationSource
from trader.sandbox.generated.market import EPOCH_MS
from trader.service.learning.history import observed

# --- what a builder writes: the group (an entry of the registry) --------------------------------------------------

STALE_MS = 8 * MINUTE
COLUMNS = Family("mood", group="mood")
COLUMNS.model_input("mood", "the newest mood known at the close; NaN when older than 8 minutes", 1, "share", 0, 1)
COLUMNS.model_input("mood_change", "mood - the one before", 1, "share", -1, 1)
COLUMNS.model_input("mood_age", "minutes from when it was known to the close", 1, "minutes", 0, 8)


def write(known: Known, close_ms: Times) -> Sequence[Floats | float] | None:
    said = known.get("mood", ())
    if len(said) < 2:
        return None
    return said[-1].value, said[-1].value - said[-2].value, (close_ms - said[-1].known_ms) / MINUTE


MOOD = Group(
    name="mood",
    columns=tuple(COLUMNS.features),
    how=as_of(write, 3, sources=("mood",), keeps=2, lookback_ms=60 * MINUTE, stale_ms=STALE_MS),
    is_there=always,
    about="is made up for this test.",
)

# --- and the source (a file of adapters/observations) -------------------------------------------------------------

LAG_MS = 90_000
FIRST_LIVE_MS = EPOCH_MS - LIVE // 2 * MINUTE
QUIET = range(FIRST_LIVE_MS + 10 * MINUTE, FIRST_LIVE_MS + 24 * MINUTE)


class MoodSource:
    """Speaks every three minutes, of the whole market, and is known a minute and a half later; has a quiet time."""

    name = "mood"
    is_market_wide = True
    every_ms = MINUTE
    after_ms = 0

    def __init__(self, clock: SimulatedClock, asked: Callable[[], None]) -> None:
        self._clock = clock
        self._asked = asked
        self.asked_ms = 0

    async def observations(self, symbol: str, since_ms: int) -> list[Observation]:
        assert symbol == WHOLE_MARKET
        self.asked_ms = self._clock.now_ms()
        self._asked()
        return [one for one in everything() if one.known_ms >= since_ms and one.event_ms <= self.asked_ms]


def everything() -> list[Observation]:
    """All it ever says."""
    times = range(FIRST_LIVE_MS - COUNT * MINUTE, FIRST_LIVE_MS + LIVE * MINUTE, 3 * MINUTE)
    moods = np.random.default_rng(5).random(len(times)).tolist()
    said = zip(times, moods, strict=True)
    return [Observation("mood", WHOLE_MARKET, at, at + LAG_MS, mood) for at, mood in said if at not in QUIET]


class MoodBench(Bench):
    """A scorer beside the source; its file in `adapters/observations` finds clock and event here."""

    def __init__(self) -> None:
        sys.modules["trader.adapters.observations.mood"].live = self._live  # type: ignore[attr-defined]
        super().__init__(more_groups=("mood",))
        self.clock.speed = 10_000.0

    def _live(self, _feed: object, _settings: object) -> MoodSource:
        self.mood = MoodSource(self.clock, self.moved)
        return self.mood

    def source(self, name: str) -> ObservationSource:
        return live_source(name, self.feed, self.settings)

    async def has_answered(self, forecasts: int) -> None:
        """The source before the next close, and the scorer."""
        await self.until(lambda: self.mood.asked_ms == self.clock.now_ms())
        await self.until(lambda: len(self.forecasts) + len(self.silent) == forecasts)

    def extras(self) -> Extras:
        return dict.fromkeys(["mood"], dict.fromkeys(SYMBOLS, everything()))


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it stood in the registry and in its folder."""
    monkeypatch.setattr(registry, "REGISTRY", (*registry.REGISTRY[:-1], MOOD, registry.REGISTRY[-1]))
    monkeypatch.setitem(sys.modules, "trader.adapters.observations.mood", ModuleType("mood"))


async def test_it_is_scored_live_as_it_is_trained_and_masked_while_it_is_stale() -> None:
    bench = MoodBench()
    async with bench:
        for number in range(LIVE):
            bench.close_of(number)
            await bench.has_answered(len(SYMBOLS) * (number + 1))
    last_ms = max(one.known_ms for one in everything() if one.event_ms < QUIET[0])
    next_ms = min(one.known_ms for one in everything() if one.event_ms > QUIET[-1])
    closes = [FIRST_LIVE_MS + (number + 1) * MINUTE for number in range(LIVE)]
    masked = [at for at in closes if last_ms + STALE_MS < at < next_ms]
    assert 3 < len(masked) < LIVE // 2
    assert bench.features.groups == ("leader", "mood", "peers")
    assert bench.silent == [(symbol, ("mood",)) for _ in masked for symbol in SYMBOLS]
    assert {forecast.candle_close_ms for forecast in bench.forecasts} == set(closes) - set(masked)
    bench.assert_equal_to_training()
    assert not set(masked) & set(bench.table_.start_ms.tolist())  # the trainer leaves the same rows out


async def test_a_training_asks_the_same_source() -> None:
    bench = MoodBench()
    made = await observed(bench.source, bench.settings, bench.clock.now_ms())
    known = [one for one in everything() if one.event_ms <= bench.clock.now_ms()]
    assert made == {"mood": dict.fromkeys(SYMBOLS, known[-len(made["mood"][SYMBOLS[0]]) :])}  # type: ignore[arg-type]
    bench.scorer.close()


def test_a_data_frame_has_its_columns_where_its_values_are_given() -> None:
    open_ms = FIRST_LIVE_MS + np.arange(-2_010, 0) * MINUTE
    price = 100 + np.sin(np.arange(len(open_ms)))
    prices = dict.fromkeys(("open", "high", "low", "close"), price)
    candles = pd.DataFrame({**prices, "volume": 1.0}, index=pd.Index(open_ms))
    said = [one for one in everything() if one.known_ms <= FIRST_LIVE_MS]
    spoken = pd.DataFrame({"mood": [one.value for one in said]}, index=pd.Index([one.known_ms for one in said]))
    rows = compute_features(candles, "1m", enrichment=spoken)
    assert tuple(rows.columns[-3:]) == ("mood", "mood_change", "mood_age")
    stream = FeatureStream("1m", ("mood",))
    for one in said:
        stream.learn(one)
    streamed = [
        stream.update(int(at), *candle) for at, candle in zip(open_ms, candles.to_numpy().tolist(), strict=True)
    ]
    assert streamed[-1] is not None
    assert np.array_equal(rows.to_numpy()[-1], streamed[-1])
    newest = [one for one in said if one.known_ms <= open_ms[-1] + MINUTE][-2:]
    assert rows["mood"].iloc[-1] == newest[-1].value
    assert rows["mood_change"].iloc[-1] == newest[-1].value - newest[-2].value
    assert "mood" not in compute_features(candles, "1m").columns
    with pytest.raises(ValueError, match=r"has the columns moon; features are made from the sources .*mood"):
        compute_features(candles, "1m", enrichment=spoken.rename(columns={"mood": "moon"}))


def test_a_model_is_bound_to_it() -> None:
    plain = FeatureSet("1m", ("15m", "1h"), SYMBOLS, ("leader", "peers"))
    with_mood = FeatureSet("1m", ("15m", "1h"), SYMBOLS, ("leader", "mood", "peers"))
    assert plain.hash != with_mood.hash
    assert {"mood", "mood_change", "mood_age"} == set(with_mood.inputs) - set(plain.inputs)
    assert set(model_inputs(groups=("mood",))) >= {"mood"}
