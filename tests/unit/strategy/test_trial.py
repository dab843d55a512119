"""The closes a strategy is tried on: as real ones are, and of every kind."""

import math
from itertools import pairwise

import pytest

from trader.domain.market import timeframe_ms
from trader.domain.orders import Side
from trader.domain.signals import Regime
from trader.strategy import EmaCross, Ensemble, Pass, Proposal, Strategy, View
from trader.strategy.trial import CLOSES, TrialError, made_up_views, try_out

MINUTE_MS = timeframe_ms("1m")


class Asks(Strategy):
    candles = 3
    features = ("rsi_14", "macd")

    def propose(self, view: View) -> Proposal:
        return Pass(reasons=())


class Forecasts(Asks):
    needs_forecast = True


@pytest.fixture
def views() -> list[View]:
    """Made in the test, not when the file is imported, so that a fault in what makes them is seen."""
    return made_up_views(Asks(None))


def test_there_is_a_view_for_each_close_with_the_candles_asked_for(views: list[View]) -> None:
    assert len(views) == CLOSES
    assert {len(view.candles) for view in views} == {3}
    assert {len(view.candles) for view in made_up_views(EmaCross(EmaCross.Parameters()))} == {600}


def test_the_candles_follow_one_another_and_the_close_is_the_last_ones(views: list[View]) -> None:
    for view in views:
        newest = view.candles[-1]
        assert (view.symbol, view.candle_open_ms, view.candle_close_ms) == (
            newest.symbol,
            newest.open_ms,
            newest.close_ms,
        )
        assert view.now_ms > newest.close_ms
        for before, after in pairwise(view.candles):
            assert (after.open_ms, after.open) == (before.close_ms, before.close)
        for candle in view.candles:
            assert candle.close_ms - candle.open_ms == MINUTE_MS
            assert candle.low < min(candle.open, candle.close)
            assert candle.high > max(candle.open, candle.close)
            assert candle.low > 0
            assert candle.volume > 0
    for earlier, later in pairwise(views):
        assert later.candle_open_ms - earlier.candle_open_ms == MINUTE_MS
        assert later.candles[:-1] == earlier.candles[1:]


def test_the_book_is_around_the_close(views: list[View]) -> None:
    for view in views:
        close = view.candles[-1].close
        assert view.book.bid < close < view.book.ask
        assert view.book.ask - view.book.bid == pytest.approx(0.02)
        assert (view.book.symbol, view.book.ts_ms) == (view.symbol, view.candle_close_ms)
        assert 0 < view.cost_frac < 0.01
        assert view.context.close == close


def test_every_situation_comes(views: list[View]) -> None:
    held = [view.holding.side if view.holding else None for view in views]
    assert set(held) == {None, *Side}
    assert {view.regime for view in views} == set(Regime)
    assert {(side, view.can_short) for side, view in zip(held, views, strict=True)} == {
        (side, can_short) for side in (None, *Side) for can_short in (True, False)
    }
    for view in views:
        if view.holding is not None:
            assert view.holding.quantity > 0
            assert view.holding.entry_price == pytest.approx(view.candles[-1].close * 0.99)
            assert view.holding.opened_ms == view.candle_open_ms


def test_features_swing_over_their_whole_range_and_are_those_asked_for(views: list[View]) -> None:
    for name in Asks.features:
        for values in ([view.features[name] for view in views], [view.features_before[name] for view in views]):
            assert min(values) >= 0
            assert max(values) <= 100
            assert min(values) < 5
            assert max(values) > 95
    for view in views:
        assert set(view.features) == set(view.features_before) == set(Asks.features)
        assert view.features != view.features_before
        assert len({*view.features.values()}) == 2


def test_without_need_of_one_a_forecast_is_there_or_not_and_with_it_always(views: list[View]) -> None:
    assert {(view.forecast is None, view.model is None) for view in views} == {(True, True), (False, False)}
    for view in made_up_views(Forecasts(None)):
        forecast, model = view.forecast, view.model
        assert forecast is not None
        assert model is not None
        assert (forecast.symbol, forecast.model_id) == (view.symbol, model.model_id)
        assert (forecast.candle_open_ms, forecast.candle_close_ms) == (view.candle_open_ms, view.candle_close_ms)
        assert forecast.context == view.context
        assert 0 < forecast.win_probability < 1
        assert 0 < forecast.confidence <= 1
        assert abs(forecast.prediction) <= 0.01
        assert (forecast.win_probability > 0.5) is (forecast.prediction > 0)


def test_the_market_swings_to_both_sides(views: list[View]) -> None:
    contexts = [view.context for view in views]
    for name, low, middle, high in (
        ("adx", 0, 25, 100),
        ("rsi_14", 0, 50, 100),
        ("hist_vol_20", 0, 0.5, 2),
        ("bb_position", -0.2, 0.5, 1.2),
        ("bb_width_ratio", 0.3, 1, 2),
        ("atr_ratio", 0.3, 1, 2),
        ("volume_ratio", 0.1, 1, 2),
    ):
        values = [getattr(context, name) for context in contexts]
        assert low < min(values) < middle < max(values) < high, name
    assert {context.close > context.sma_50 for context in contexts} == {True, False}
    assert {context.ema_9 > context.ema_21 for context in contexts} == {True, False}
    assert all(0 < context.atr_14 / context.close < 0.01 for context in contexts)
    assert all(0 < context.bb_width < 0.1 for context in contexts)
    assert all(abs(context.sma_50 / context.close - 1) <= 0.03001 for context in contexts)


# What a strategy was tried on stays: one that passed does so again. Close 0 is the middle of every swing (sin 0 = 0),
# close 8 almost its top (sin 1.6 = 0.99957). Context: middle, and what the whole swing adds.
SWINGS = {
    "adx": (25.0, 20.0),
    "hist_vol_20": (0.5, 0.4),
    "rsi_14": (50.0, 40.0),
    "bb_position": (0.5, 0.6),
    "bb_width_ratio": (1.0, 0.5),
    "atr_ratio": (1.0, 0.3),
    "volume_ratio": (1.0, 0.8),
}
SWINGS_OF_THE_CLOSE = {"sma_50": -0.03, "ema_9": -0.005, "ema_21": -0.01}


@pytest.mark.parametrize("name", SWINGS)
def test_an_indicator_swings_about_its_middle(views: list[View], name: str) -> None:
    middle, swing = SWINGS[name]
    assert getattr(views[0].context, name) == middle
    assert getattr(views[8].context, name) == pytest.approx(middle + 0.99957 * swing, rel=1e-5)
    assert getattr(views[24].context, name) == pytest.approx(middle - 0.99616 * swing, rel=1e-4)


@pytest.mark.parametrize("name", SWINGS_OF_THE_CLOSE)
def test_a_mean_lags_behind_a_close_that_rises_and_a_close_that_falls(views: list[View], name: str) -> None:
    lag = SWINGS_OF_THE_CLOSE[name]
    for number, swing in ((0, 0.0), (8, 0.99957), (24, -0.99616)):
        context = views[number].context
        assert getattr(context, name) / context.close == pytest.approx(1 + lag * swing, abs=1e-6)


def test_the_closes_are_two_waves_about_a_hundred() -> None:
    """100 + 5 sin(n / 9) + 2 sin(n / 2.3) at n = 0, 1, 2, 3 and 50; volume 10 + 5 sin(n)."""
    first, *_, last = made_up_views(Asks(None))
    before, newest = first.candles[0], first.candles[-1]
    assert (newest.symbol, newest.open_ms) == ("BTC/USDT", 1_700_000_000_000 + 3 * MINUTE_MS)
    assert [before.open, before.close] == pytest.approx([100.0, 101.39684], abs=1e-5)
    assert [before.high - before.close, before.open - before.low] == pytest.approx([0.1, 0.1])
    assert [newest.open, newest.close] == pytest.approx([102.63009, 103.56540], abs=1e-5)
    assert last.candles[-1].close == pytest.approx(97.17321, abs=1e-5)
    assert [candle.volume for candle in first.candles] == pytest.approx([14.20735, 14.54649, 10.70560], abs=1e-5)


def test_what_surrounds_a_close(views: list[View]) -> None:
    for view in views:
        close, angle = view.candles[-1].close, views.index(view) / 5
        assert view.now_ms == view.candle_close_ms + 1_000
        assert (view.book.bids, view.book.asks) == (((close - 0.01, 10.0),), ((close + 0.01, 10.0),))
        assert view.cost_frac == 0.0025
        assert (view.context.atr_14, view.context.bb_width) == (close * 0.004, 0.02)
        assert view.features["macd"] == pytest.approx(50 + 50 * math.sin(angle + 1))
    assert [view.holding and view.holding.quantity for view in views[:3]] == [None, 1, 1]
    assert [view.holding and view.holding.side for view in views[:3]] == [None, Side.BUY, Side.SELL]
    assert [view.can_short for view in views[:4]] == [True, False, True, False]


def test_the_features_before_are_those_of_the_close_before(views: list[View]) -> None:
    for earlier, later in pairwise(views):
        assert later.features_before == pytest.approx(earlier.features)


def test_every_fourth_close_has_no_forecast_unless_it_is_needed(views: list[View]) -> None:
    assert [number for number, view in enumerate(views) if view.forecast is None] == [*range(0, CLOSES, 4)]


def test_a_forecast_swings_with_the_market() -> None:
    views = made_up_views(Forecasts(None))
    seen = [view.forecast for view in (views[0], views[8])]
    assert [forecast and forecast.prediction for forecast in seen] == [0.0, pytest.approx(0.0099957, abs=1e-7)]
    assert [forecast and forecast.win_probability for forecast in seen] == [0.5, pytest.approx(0.699915, abs=1e-6)]
    assert {view.forecast and view.forecast.confidence for view in views} == {0.9}


class Wordy(Pass, frozen=True, kw_only=True):
    length: int = 0

    def __repr__(self) -> str:
        return "x" * self.length


class Grows(Strategy):
    """Says something longer each time it is asked."""

    def __init__(self, parameters: object, length: int = 0) -> None:
        super().__init__(parameters)
        self.length = length

    def propose(self, view: View) -> Proposal:
        self.length += 1
        return Wordy(reasons=(), length=self.length)


@pytest.mark.parametrize(("length", "told"), [(79, "x" * 79), (80, "x" * 80), (81, "x" * 77 + "...")])
def test_what_it_said_is_told_in_at_most_80_characters(length: int, told: str) -> None:
    with pytest.raises(TrialError) as error:
        try_out(Grows(None, length - 1), Grows(None))
    first, _ = str(error.value).removeprefix("it says two things of one view (close 0): ").split(" and ")
    assert first == told


def test_the_built_in_ones_pass() -> None:
    try_out(Ensemble(Ensemble.Parameters()), Ensemble(Ensemble.Parameters()))
    try_out(EmaCross(EmaCross.Parameters()), EmaCross(EmaCross.Parameters()))
