"""Stops wider than guard anything: no entry is made with one, and a fill that has one is guarded all the same.

The numbers are those of a recorded close: ADA/USDT, 15 minutes, 2025-10-11 00:00 UTC.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_forecast, a_model
from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins, notices, of, sent, told
from trader.domain.decisions import Level, RecordDecision
from trader.domain.events import ForecastMade
from trader.domain.orders import Purpose
from trader.domain.signals import DecisionRecord, MarketContext, Verdict

CLOSE = 0.65
CRASH = MarketContext(
    close=CLOSE,
    atr_14=0.045016192260872695,
    adx=63.744195214927345,
    hist_vol_20=18.948797894670385,
    sma_50=0.743722,
    ema_9=0.6361944127308484,
    ema_21=0.6637121618490527,
    rsi_14=45.40407160218649,
    bb_position=0.45993815796907517,
    bb_width=0.49903246889763475,
    bb_width_ratio=3.24980861033307,
    atr_ratio=2.702057741027508,
    volume_ratio=0.698058432948878,
    ema_cross_age=37.0,
)
QUARTER_MS = 15 * MINUTE_MS


def crashed(risk: Mapping[str, object] | None = None) -> Scene:
    """A perpetual in the minutes after the crash; the model looks 16 candles of 15 minutes ahead."""
    scene = a_scene(
        {
            "market": {"timeframe": "15m", "higher_timeframes": ["1h", "4h"]},
            "strategy": {"crossover_candles": 50},  # the averages crossed hours before, when it began to fall
            "risk": risk or {},
        },
        instruments=coins("ADA", perpetual=True),
        perpetual=True,
        model=a_model(timeframe="15m"),
        mid=CLOSE,
    )
    scene.price(CLOSE, spread=0.0002, tick=0.0001, size=1e6)
    return scene


def close_of_the_crash(scene: Scene, context: MarketContext = CRASH) -> DecisionRecord:
    """What is decided on the recorded close: the model sees it fall, the regime and its confirmation agree."""
    made = a_forecast(
        scene.symbol, prediction=-0.05, win_probability=0.7, context=context, candle_open_ms=NOW_MS - QUARTER_MS
    )
    whole = ForecastMade(forecast=msgspec.structs.replace(made, candle_close_ms=NOW_MS))
    [row] = of(scene.hear(whole), RecordDecision)
    return row.record


def test_a_stop_wider_than_is_useful_is_no_trade() -> None:
    # 3 sigma = 3 x 18.948798 x sqrt(4 h / 365 d) = 1.214733
    scene = crashed()
    row = close_of_the_crash(scene)
    assert (row.verdict, told(row)) == (Verdict.SKIP, ("stop 121.5% away, at most 25.0%",))
    assert sent(scene.seen) == []


@pytest.mark.parametrize(("volatility", "verdict"), [(3.89, Verdict.ENTER), (3.91, Verdict.SKIP)])
def test_the_widest_stop_is_a_bound(volatility: float, verdict: Verdict) -> None:
    # 3 x 3.89 x sqrt(4 h / 365 d) = 0.2494 and 3 x 3.91 x ... = 0.2507
    context = msgspec.structs.replace(CRASH, hist_vol_20=volatility)
    assert close_of_the_crash(crashed(), context).verdict is verdict


def test_the_widest_stop_is_a_setting() -> None:
    context = msgspec.structs.replace(CRASH, hist_vol_20=3.0)  # 3 sigma = 0.1923
    row = close_of_the_crash(crashed({"widest_stop_frac": 0.15}), context)
    assert told(row) == ("stop 19.2% away, at most 15.0%",)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("stop_frac", [1.214733, 0.6, float("nan"), 0.0])
def test_a_fill_whose_plan_cannot_be_made_is_guarded(stop_frac: float, is_restarted: bool) -> None:
    # an entry that a version without this limit has sent: short at the bid, 0.6499, so 25 % away is 0.812375
    scene = crashed()
    assert close_of_the_crash(scene, msgspec.structs.replace(CRASH, hist_vol_20=3.0)).verdict is Verdict.ENTER
    [entry] = sent(scene.seen, Purpose.ENTRY)
    scene.remember_ticket(stop_frac=stop_frac)
    if is_restarted:
        scene.restart()
        scene.reconcile(is_startup=True)
    decided = scene.fill(entry.client_id, price=0.6499)
    [stop] = sent(decided, Purpose.STOP)
    assert (stop.stop_price, stop.quantity) == (Decimal("0.81"), entry.quantity)
    assert scene.held() == -entry.quantity
    assert notices(decided, Level.ALERT) == ["stop.unusable"]
