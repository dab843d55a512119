"""A position's plan led through recorded candles as the engine leads it, price by price: the witness for labels."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

from trader.config.risk import RiskSettings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.closing import CloseReason
from trader.domain.orders import Side
from trader.domain.signals import Regime
from trader.risk.exits import extend, on_candle, on_price
from trader.risk.stops import Barriers, PositionPlan, open_plan

Extends = Callable[[int], bool]
"""Whether the edge still holds at the close of a row."""


class Walked(NamedTuple):
    """What became of a trade."""

    gross: float  # return before costs
    last: int  # row of the candle in which it ended
    reasons: tuple[CloseReason, ...]
    trailed: bool


def never(_: int) -> bool:
    return False


def walk(
    candles: CandleArrays, row: int, barriers: Barriers, side: Side, horizon: int, settings: RiskSettings,
    *, extends: Extends = never,
) -> Walked:  # fmt: skip
    """A trade entered at the close of `row`; at the end of the horizon it goes on for another one if `extends`."""
    length = int(candles.open_ms[1] - candles.open_ms[0])
    entry, sign = float(candles.close[row]), side.sign
    opened_ms = int(candles.open_ms[row]) + length
    plan = open_plan(
        symbol="A/USDT", side=side, entry_price=entry, stop_frac=barriers.stop_frac, r_frac=barriers.r_frac,
        take_profit_frac=barriers.target_frac, opened_ms=opened_ms, horizon_end_ms=opened_ms + horizon * length,
        decision_id="d", regime=Regime.RANGE_BOUND,
    )  # fmt: skip
    held, gross = 1.0, 0.0
    reasons: list[CloseReason] = []
    for at in range(row + 1, len(candles.close)):
        close_ms = int(candles.open_ms[at]) + length
        if close_ms >= plan.horizon_end_ms and extends(at):
            plan = extend(plan, close_ms + horizon * length)
        newest = [plan]
        for now_ms, price in _prices(candles, at, length, newest, settings):
            exit = None
            while True:  # the next book of the same price
                plan, exit = on_price(plan, price, price, now_ms, settings)
                newest[0] = plan
                if exit is None:
                    break
                reasons.append(exit.reason)
                gross += held * exit.fraction * sign * (price / entry - 1)
                held *= 1 - exit.fraction
                if exit.fraction == 1:
                    return Walked(gross, at, tuple(reasons), plan.trailing)
        plan = on_candle(plan, float(candles.close[at]))
    return Walked(math.nan, len(candles.close) - 1, tuple(reasons), plan.trailing)


def _levels(plan: PositionPlan, settings: RiskSettings) -> list[float]:
    """Where something may happen to the plan."""
    sign, entry = plan.side.sign, plan.entry_price
    losing = math.nextafter(entry, entry - sign)
    found = [plan.stop_price, entry * (1.0 + sign * settings.partial_at_r * plan.r_frac), losing]
    return found if plan.take_profit_price is None else [*found, plan.take_profit_price]


def _prices(
    candles: CandleArrays, at: int, length: int, newest: list[PositionPlan], settings: RiskSettings
) -> Iterator[tuple[int, float]]:
    """(time, price): open, worst, best, close, and every level of the plan that is passed between two of them."""
    low, high = float(candles.low[at]), float(candles.high[at])
    worst, best = (low, high) if newest[0].side is Side.BUY else (high, low)
    open_ms = int(candles.open_ms[at])
    before = float(candles.open[at])
    yield open_ms, before
    for now_ms, after in ((open_ms, worst), (open_ms, best), (open_ms + length, float(candles.close[at]))):
        passed = before
        while passed != after:
            way = 1 if after > passed else -1
            next_level = min(
                (level for level in _levels(newest[0], settings) if 0 < (level - passed) * way < abs(after - passed)),
                key=lambda level: abs(level - passed),
                default=after,
            )
            passed = next_level
            yield (now_ms if passed == after else open_ms), passed
        if before == after:
            yield now_ms, after
        before = after
