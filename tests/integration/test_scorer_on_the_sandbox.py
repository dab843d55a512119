"""What the model sees live, over the wire, is what the trainer makes of the candles the exchange tells afterwards."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.kit.idle_time import network_passes
from tests.kit.sandbox import FaultControl, eventually, fault_control, market_clock, sandbox
from tests.kit.seen_rows import SeenRows
from trader.adapters.ccxt.connect import connect
from trader.adapters.ccxt.market.feed import CcxtFeed
from trader.adapters.observations.funding import FundingSource
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.config.model import ModelSettings
from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, MarketEvent
from trader.domain.signals import Forecast
from trader.features import FeatureSet
from trader.ports import Clock
from trader.scoring.scorer import Scorer
from trader.training.dataset import Dataset, build_dataset

SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "SOL/USDT:USDT")
MINUTE, DAY = 60_000, 86_400_000
CLOSES = 4

Disturb = Callable[[], Awaitable[None]]


def settings_at(endpoint: str, ca_file: Path | None) -> Settings:
    values = {"id": "binance", "market": "perpetual", "symbols": SYMBOLS, "endpoint": endpoint, "ca_file": ca_file}
    return Settings(
        exchange=ExchangeSettings.model_validate(values),
        market=MarketSettings(history_candles=2_050, close_grace_s=0.3),
        model=ModelSettings(horizon_candles=1),
    )


async def scored(
    feed: CcxtFeed, clock: Clock, features: FeatureSet, model: SeenRows, disturb: Disturb
) -> list[Forecast]:
    """The forecasts of some closes, half of them after `disturb`; `model` has seen their rows in the same order."""
    events: list[AnyEvent] = []
    scorer = Scorer(
        model,
        feed,
        clock,
        events.append,
        sources=lambda _name: FundingSource(feed.funding),
        features=features,
        history_candles=2_050,
        told_candles=1,
        late_candle_s=1.5,
    )

    def on_market(event: MarketEvent) -> None:
        if isinstance(event, CandleClosed):
            scorer.offer(event.candle)

    def forecasts() -> list[Forecast]:
        made = [event.forecast for event in events if isinstance(event, ForecastMade)]
        return [forecast for forecast in made if not forecast.missing]

    try:
        await scorer.warm_up()
        tasks = [asyncio.create_task(work) for work in (scorer.run(), feed.run(on_market))]
        await eventually(lambda: len(forecasts()) >= CLOSES // 2 * len(SYMBOLS))
        await disturb()
        seen = len(forecasts())
        await eventually(lambda: len(forecasts()) >= seen + CLOSES // 2 * len(SYMBOLS))
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        scorer.close()
    return forecasts()


async def trained_on(feed: CcxtFeed, settings: Settings, first_ms: dict[str, int]) -> Dataset:
    """The trainer's rows of everything from `first_ms` on, asked for anew."""
    candles, funding = {}, {}
    for symbol, since_ms in first_ms.items():
        told: list[Any] = []
        while page := await feed.candles(symbol, "1m", since_ms, 1_000):
            told += page
            since_ms = page[-1].close_ms
        columns = np.array([(c.open, c.high, c.low, c.close, c.volume) for c in told]).T
        candles[symbol] = CandleArrays(np.array([c.open_ms for c in told]), *columns)
        funding[symbol] = await FundingSource(feed.funding).observations(symbol, first_ms[symbol] - 10 * DAY)
    return build_dataset(candles, settings, extras={"funding": funding})


Trouble = Callable[[FaultControl], Awaitable[None]]


async def nothing(faults: FaultControl) -> None:
    """An undisturbed market."""


async def leader_is_silent_then_all_sockets_are_cut(faults: FaultControl) -> None:
    silence = await faults.begin("silence", stream="btcusdt@kline_1m", for_s=3.0)
    await network_passes(3.0)
    assert await faults.acted(silence) > 0
    cut = await faults.begin("drop_sockets")
    assert await faults.acted(cut) > 0


@pytest.mark.parametrize(
    "trouble", [nothing, pytest.param(leader_is_silent_then_all_sockets_are_cut, marks=pytest.mark.slow)]
)
async def test_live_rows_equal_the_trainers_bit_for_bit(tmp_path: Path, trouble: Trouble) -> None:
    """Whatever comes late: with three symbols there are no ranks among fewer, so every forecast is a complete one."""
    history = {"history_candles": 9_000, "speed": 60.0}  # funding reaches as far back as candles do
    async with sandbox(tmp_path, symbols=SYMBOLS, **history) as running, fault_control(running) as faults:
        clock, settings = market_clock(running), settings_at(running.endpoint, running.ca_file)
        connection = await connect(settings.exchange, settings.market, clock)
        feed, features = connection.feed, FeatureSet.of(settings)
        model = SeenRows(features)
        first_ms: dict[str, int] = {}
        ask = feed.candles

        async def noting(symbol: str, timeframe: str, since_ms: int, limit: int) -> Any:
            page = await ask(symbol, timeframe, since_ms, limit)
            if page:
                first_ms.setdefault(symbol, page[0].open_ms)
            return page

        feed.candles = noting  # type: ignore[method-assign]
        try:
            made = await scored(feed, clock, features, model, lambda: trouble(faults))
            feed.candles = ask  # type: ignore[method-assign]
            await eventually(lambda: clock.now_ms() > made[-1].candle_close_ms + 3 * MINUTE)  # its label has ended
            table = await trained_on(feed, settings, first_ms)
        finally:
            await connection.close()
    assert features.groups == table.feature_groups == ("leader", "funding", "peers")
    assert len(made) == len(model.rows) >= CLOSES * len(SYMBOLS)
    for forecast, row in zip(made, model.rows, strict=True):
        at = (table.start_ms == forecast.candle_close_ms) & (table.symbol == table.symbols.index(forecast.symbol))
        expected = table.X[at][0]
        differ = {n: (float(a), float(b)) for n, a, b in zip(table.feature_names, expected, row, strict=True) if a != b}
        assert differ == {}, forecast
