"""A strategy is tried on made-up closes before it trades: it must answer, and answer the same when asked again."""

import math
from collections.abc import Sequence
from decimal import Decimal

from trader.domain.market import Book, Candle
from trader.domain.orders import Side
from trader.domain.signals import Forecast, MarketContext, ModelInfo, ModelVerdict, Regime
from trader.strategy.base import Strategy
from trader.strategy.proposal import Proposal
from trader.strategy.view import Holding, View

CLOSES = 48
_START_MS, _MINUTE_MS = 1_700_000_000_000, 60_000
_MODEL = ModelInfo("trial", "1m", 16, 1.0, 5.0, 0.5, 0.02, 0.01, False, ModelVerdict.OBSERVE)


class TrialError(Exception):
    """The strategy did not answer, or not the same way twice."""


def try_out(first: Strategy, second: Strategy) -> None:
    """Ask two instances of one strategy, the second from the last close to the first. Raises `TrialError`."""
    views = made_up_views(first)
    once = [_asked(first, view) for view in views]
    backwards = [_asked(second, view) for view in reversed(views)][::-1]
    for number, (view, one, other) in enumerate(zip(views, once, backwards, strict=True)):
        for again in (_asked(first, view), other):
            if repr(again) != repr(one):
                raise TrialError(f"it says two things of one view (close {number}): {_short(one)} and {_short(again)}")


def made_up_views(strategy: Strategy) -> list[View]:
    """Closes of a market that swings, flat, long and short in turn, with everything the strategy asks for."""
    candles = [_candle(number) for number in range(strategy.candles + CLOSES)]
    return [_view(strategy, candles[n + 1 : n + 1 + strategy.candles], n) for n in range(CLOSES)]


def _asked(strategy: Strategy, view: View) -> Proposal:
    proposal: object = strategy.propose(view)
    if not isinstance(proposal, Proposal):
        raise TrialError(f"propose returned {type(proposal).__name__}; allowed: Enter, Keep, Leave or Pass")
    return proposal


def _view(strategy: Strategy, candles: Sequence[Candle], number: int) -> View:
    newest = candles[-1]
    price, angle = newest.close, number / 5
    holding = {0: None, 1: Side.BUY, 2: Side.SELL}[number % 3]
    forecast = Forecast(
        symbol=newest.symbol,
        candle_open_ms=newest.open_ms,
        candle_close_ms=newest.close_ms,
        prediction=0.01 * math.sin(angle),
        win_probability=0.5 + 0.2 * math.sin(angle),
        confidence=0.9,
        model_id=_MODEL.model_id,
        feature_hash="",
        context=_context(price, angle),
    )
    return View(
        symbol=newest.symbol,
        now_ms=newest.close_ms + 1_000,
        candle_open_ms=newest.open_ms,
        candle_close_ms=newest.close_ms,
        context=forecast.context,
        regime=list(Regime)[number % len(Regime)],
        book=Book(newest.symbol, newest.close_ms, ((price - 0.01, 10.0),), ((price + 0.01, 10.0),)),
        cost_frac=0.0025,
        can_short=number % 2 == 0,
        candles=tuple(candles),
        features={name: 50 + 50 * math.sin(angle + i) for i, name in enumerate(strategy.features)},
        features_before={name: 50 + 50 * math.sin(angle - 0.2 + i) for i, name in enumerate(strategy.features)},
        holding=None if holding is None else Holding(holding, Decimal(1), price * 0.99, newest.open_ms),
        forecast=forecast if strategy.needs_forecast or number % 4 else None,
        model=_MODEL if strategy.needs_forecast or number % 4 else None,
    )


def _candle(number: int) -> Candle:
    opened, closed = _price(number - 1), _price(number)
    open_ms = _START_MS + number * _MINUTE_MS
    high, low = max(opened, closed) + 0.1, min(opened, closed) - 0.1
    return Candle("BTC/USDT", open_ms, open_ms + _MINUTE_MS, opened, high, low, closed, 10 + 5 * math.sin(number))


def _price(number: int) -> float:
    return 100 + 5 * math.sin(number / 9) + 2 * math.sin(number / 2.3)


def _context(price: float, angle: float) -> MarketContext:
    swing = math.sin(angle)
    return MarketContext(
        close=price,
        atr_14=price * 0.004,
        adx=25 + 20 * swing,
        hist_vol_20=0.5 + 0.4 * swing,
        sma_50=price * (1 - 0.03 * swing),
        ema_9=price * (1 - 0.005 * swing),
        ema_21=price * (1 - 0.01 * swing),
        rsi_14=50 + 40 * swing,
        bb_position=0.5 + 0.6 * swing,
        bb_width=0.02,
        bb_width_ratio=1 + 0.5 * swing,
        atr_ratio=1 + 0.3 * swing,
        volume_ratio=1 + 0.8 * swing,
    )


def _short(proposal: Proposal) -> str:
    text = repr(proposal)
    return text if len(text) <= 80 else text[:77] + "..."
