"""The rule without a model: situation -> proposal; its indicators are those of `trader features`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context
from trader.domain.market import Candle
from trader.domain.reasons import texts
from trader.domain.signals import Regime
from trader.features import FeatureStream
from trader.strategy import EmaCross, Enter, Holding, Keep, Leave, Pass, Proposal, Side, View
from trader.strategy.ema_cross import EmaCrossParameters
from trader.strategy.indicators import crossed_above, ema, rsi, sma

MINUTE_MS = 60_000


def market(rising: int) -> list[float]:
    """600 closes that zigzag: down by 1 cent each, the last `rising` of them up by 4."""
    falling = [100 - 0.01 * n + 0.3 * (-1) ** n for n in range(600)]
    turn = 100 - 0.01 * 599
    return [*falling, *(turn + 0.04 * (k + 1) + 0.3 * (-1) ** k for k in range(rising))][-600:]


FALLING, TURNING = market(0), market(7)  # the fast mean crosses with the seventh rising close


def view(closes: Sequence[float], held: Side | None = None) -> View:
    first_ms = NOW_MS - len(closes) * MINUTE_MS
    candles = tuple(
        Candle(SYMBOL, first_ms + n * MINUTE_MS, first_ms + (n + 1) * MINUTE_MS, close, close, close, close, 1.0)
        for n, close in enumerate(closes)
    )
    return View(
        symbol=SYMBOL,
        now_ms=NOW_MS,
        candle_open_ms=candles[-1].open_ms,
        candle_close_ms=NOW_MS,
        context=a_context(),
        regime=Regime.RANGE_BOUND,
        book=a_book(),
        cost_frac=0.002,
        can_short=False,
        candles=candles,
        holding=None if held is None else Holding(held, Decimal(1), 100.0),
    )


def proposed(
    closes: Sequence[float], held: Side | None = None, parameters: Mapping[str, float] | None = None
) -> Proposal:
    return EmaCross(EmaCrossParameters.model_validate(parameters or {})).propose(view(closes, held))


def test_it_buys_where_the_fast_mean_crosses_above_the_slow_one() -> None:
    proposal = proposed(TURNING)
    assert isinstance(proposal, Enter)
    assert (proposal.side, proposal.stop_frac, proposal.risk_frac) == (Side.BUY, 0.02, 0.005)
    assert (proposal.edge_frac, proposal.target_frac, proposal.until_ms) == (None, None, None)
    assert texts(proposal.reasons) == ("EMA 12 crossed above EMA 26",)


@pytest.mark.parametrize(
    ("closes", "parameters", "reason"),
    [
        (FALLING, {}, "EMA 12 has not crossed above EMA 26"),
        (market(6), {}, "EMA 12 has not crossed above EMA 26"),
        (market(8), {}, "EMA 12 has not crossed above EMA 26"),  # it crossed a close ago
        (TURNING, {"fast": 20}, "EMA 20 has not crossed above EMA 26"),
        (TURNING, {"rsi_below": 52.0}, "RSI 52.7 is not below 52"),
        (TURNING, {"rsi_length": 3, "rsi_below": 62.0}, "RSI 62.9 is not below 62"),
    ],
)
def test_it_passes_otherwise_and_says_why(closes: list[float], parameters: dict[str, float], reason: str) -> None:
    proposal = proposed(closes, parameters=parameters)
    assert isinstance(proposal, Pass)
    assert texts(proposal.reasons) == (reason,)


@pytest.mark.parametrize(
    ("closes", "kind", "reason"),
    [
        (TURNING, Keep, "EMA 12 is above EMA 26"),
        (market(30), Keep, "EMA 12 is above EMA 26"),
        (FALLING, Leave, "EMA 12 is below EMA 26"),
    ],
)
def test_it_holds_until_the_fast_mean_is_below_again(closes: list[float], kind: type, reason: str) -> None:
    proposal = proposed(closes, Side.BUY)
    assert (type(proposal), texts(proposal.reasons)) == (kind, (reason,))


def test_means_that_are_equal_are_not_below() -> None:
    assert isinstance(proposed([100.0] * 600, Side.BUY), Keep)


def test_the_means_of_the_same_close_are_compared() -> None:
    """Fast 102 then 101.33, slow 101.5 then 101.25: above its slow mean, though below that of the close before."""
    closes = [*[100.0] * 598, 103.0, 101.0]
    assert isinstance(proposed(closes, Side.BUY, {"fast": 2, "slow": 3}), Keep)


def test_at_the_largest_strength_nothing_is_bought() -> None:
    proposal = proposed([*[100.0] * 599, 101.0], parameters={"rsi_below": 100.0})
    assert texts(proposal.reasons) == ("RSI 100.0 is not below 100",)


@pytest.mark.parametrize("name", ["fast", "slow", "rsi_length", "rsi_below", "stop_frac", "risk_frac"])
def test_every_parameter_has_a_range(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        EmaCrossParameters.model_validate({name: 0})


def test_the_means_and_the_strength_are_those_of_the_features() -> None:
    rng = np.random.default_rng(7)
    closes = (100 * np.exp(np.cumsum(rng.normal(0, 0.002, 2_400)))).tolist()
    stream, row = FeatureStream("1m"), None
    for number, close in enumerate(closes):
        row = stream.update(number * MINUTE_MS, close, close * 1.001, close * 0.999, close, 5.0)
    assert row is not None
    named = dict(zip(stream.columns, row.tolist(), strict=True))
    window = closes[-EmaCross.candles :]
    assert ema(window, 12)[-1] == pytest.approx(named["ema_12"], rel=1e-9)
    assert ema(window, 26)[-1] == pytest.approx(named["ema_26"], rel=1e-9)
    assert rsi(window, 14) == pytest.approx(named["rsi_14"], abs=1e-6)
    assert rsi(window) == rsi(window, 14)
    assert sma(window, 50) == pytest.approx(named["sma_50"], rel=1e-9)


def test_small_windows_by_hand() -> None:
    assert sma([1.0, 2.0, 3.0, 6.0], 3) == pytest.approx(11 / 3)
    assert sma([1.0, 2.0], 3) == 1.5
    assert ema([1.0, 2.0, 4.0], 3) == (1.0, 1.5, 2.75)
    assert rsi([1.0, 2.0, 1.5], 2) == pytest.approx(100 * 1.0 / 1.5)
    assert rsi([1.0, 2.0, 1.5, 2.5], 2) == pytest.approx(100 * 0.75 / 0.875)
    assert rsi([5.0] * 20) == 50.0
    assert crossed_above([1.0, 3.0], [1.0, 2.0])
    assert not crossed_above([2.0, 3.0], [1.0, 2.0])
    assert not crossed_above([1.0, 2.0], [1.0, 2.0])
