"""The closes a strategy is tried on: as real ones are, and of every kind."""

from itertools import pairwise

import pytest

from trader.domain.market import timeframe_ms
from trader.domain.orders import Side
from trader.domain.signals import Regime
from trader.strategy import EmaCross, Ensemble, Pass, Proposal, Strategy, View
from trader.strategy.trial import CLOSES, made_up_views, try_out

MINUTE_MS = timeframe_ms("1m")


class Asks(Strategy):
    candles = 3
    features = ("rsi_14", "macd")

    def propose(self, view: View) -> Proposal:
        return Pass(reasons=())


class Forecasts(Asks):
    needs_forecast = True


VIEWS = made_up_views(Asks(None))


def test_there_is_a_view_for_each_close_with_the_candles_asked_for() -> None:
    assert len(VIEWS) == CLOSES
    assert {len(view.candles) for view in VIEWS} == {3}
    assert {len(view.candles) for view in made_up_views(EmaCross(EmaCross.Parameters()))} == {600}


def test_the_candles_follow_one_another_and_the_close_is_the_last_ones() -> None:
    for view in VIEWS:
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
    for earlier, later in pairwise(VIEWS):
        assert later.candle_open_ms - earlier.candle_open_ms == MINUTE_MS
        assert later.candles[:-1] == earlier.candles[1:]


def test_the_book_is_around_the_close() -> None:
    for view in VIEWS:
        close = view.candles[-1].close
        assert view.book.bid < close < view.book.ask
        assert view.book.ask - view.book.bid == pytest.approx(0.02)
        assert (view.book.symbol, view.book.ts_ms) == (view.symbol, view.candle_close_ms)
        assert 0 < view.cost_frac < 0.01
        assert view.context.close == close


def test_every_situation_comes() -> None:
    held = [view.holding.side if view.holding else None for view in VIEWS]
    assert set(held) == {None, *Side}
    assert {view.regime for view in VIEWS} == set(Regime)
    assert {(side, view.can_short) for side, view in zip(held, VIEWS, strict=True)} == {
        (side, can_short) for side in (None, *Side) for can_short in (True, False)
    }
    for view in VIEWS:
        if view.holding is not None:
            assert view.holding.quantity > 0
            assert view.holding.entry_price == pytest.approx(view.candles[-1].close * 0.99)
            assert view.holding.opened_ms == view.candle_open_ms


def test_features_swing_over_their_whole_range_and_are_those_asked_for() -> None:
    for name in Asks.features:
        for values in ([view.features[name] for view in VIEWS], [view.features_before[name] for view in VIEWS]):
            assert min(values) >= 0
            assert max(values) <= 100
            assert min(values) < 5
            assert max(values) > 95
    for view in VIEWS:
        assert set(view.features) == set(view.features_before) == set(Asks.features)
        assert view.features != view.features_before
        assert len({*view.features.values()}) == 2


def test_without_need_of_one_a_forecast_is_there_or_not_and_with_it_always() -> None:
    assert {(view.forecast is None, view.model is None) for view in VIEWS} == {(True, True), (False, False)}
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


def test_the_market_swings_to_both_sides() -> None:
    contexts = [view.context for view in VIEWS]
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


def test_the_built_in_ones_pass() -> None:
    try_out(Ensemble(Ensemble.Parameters()), Ensemble(Ensemble.Parameters()))
    try_out(EmaCross(EmaCross.Parameters()), EmaCross(EmaCross.Parameters()))
