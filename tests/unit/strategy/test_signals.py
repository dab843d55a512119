"""Signals: edge after costs, bias, confirmations, and reasons for everything that is not one."""

import math

import pytest

from tests.kit.builders import a_context, a_forecast, a_model
from trader.config.strategy import StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code, because, texts
from trader.domain.signals import Forecast, ModelInfo, Regime, Signal
from trader.strategy.signals import NoSignal, edge_holds, evaluate

SETTINGS = StrategySettings()
COST = 0.003
CROSSED = {"ema_9": 101.0, "ema_cross_age": 0.0}
BROKEN_OUT = {"squeeze_age": 2.0, "bb_position": 1.1, "volume_ratio": 1.5}


def judged(
    regime: Regime = Regime.BULL_TREND,
    *,
    prediction: float = 0.01,
    model: ModelInfo | None = None,
    cost_frac: float = COST,
    can_short: bool = True,
    settings: StrategySettings = SETTINGS,
    context: dict[str, float] | None = None,
) -> Signal | NoSignal:
    forecast = a_forecast(prediction=prediction, context=a_context(**(context or {})))
    return evaluate(forecast, model or a_model(), regime, cost_frac, can_short=can_short, settings=settings)


def reasons(outcome: Signal | NoSignal) -> tuple[str, ...]:
    assert isinstance(outcome, NoSignal)
    return texts(outcome.reasons)


def test_a_confirmed_edge_above_cost_is_a_signal() -> None:
    signal = judged(context=CROSSED)
    assert isinstance(signal, Signal)
    assert (signal.side, signal.regime, signal.confirmations) == (Side.BUY, Regime.BULL_TREND, (Code.MA_CROSSOVER,))
    assert (signal.edge_frac, signal.cost_frac) == (0.01, COST)
    assert (signal.stop_frac, signal.take_profit_frac, signal.size_multiplier) == (0.01, 0.03, 1.2)


def test_the_edge_is_the_prediction_times_the_measured_slope() -> None:
    assert reasons(judged(model=a_model(slope=0.25), context=CROSSED)) == ("edge 25.0bp < needed 30.0bp",)
    assert isinstance(judged(model=a_model(slope=0.31), context=CROSSED), Signal)


def test_an_edge_of_exactly_what_is_needed_passes() -> None:
    assert isinstance(judged(prediction=COST, context=CROSSED), Signal)
    assert isinstance(judged(prediction=0.002, cost_frac=0.0001, context=CROSSED), Signal)


def test_the_minimum_edge_applies_when_costs_are_small() -> None:
    cheap = judged(prediction=0.0019, cost_frac=0.0001, context=CROSSED)
    assert reasons(cheap) == ("edge 19.0bp < needed 20.0bp",)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (a_model(no_edge=True), "model has no edge over the base rate"),
        (a_model(slope=0.0), "model slope 0.00 is not positive"),
        (a_model(slope=-1.0), "model slope -1.00 is not positive"),
        (a_model(slope=math.nan), "model slope nan is not positive"),
    ],
)
def test_a_model_without_edge_never_signals(model: ModelInfo, reason: str) -> None:
    outcome = judged(model=model, context=CROSSED)
    assert reasons(outcome) == (reason,)
    assert isinstance(outcome, NoSignal)
    assert (outcome.side, outcome.edge_frac) == (None, 0.0)


@pytest.mark.parametrize(("prediction", "reason"), [(math.nan, "not finite"), (math.inf, "not finite"), (0.0, "zero")])
def test_predictions_that_say_nothing(prediction: float, reason: str) -> None:
    assert reason in reasons(judged(prediction=prediction))[0]


def test_every_reason_is_named() -> None:
    outcome = judged(Regime.BULL_TREND, prediction=-0.001, can_short=False)
    assert reasons(outcome) == (
        "edge 10.0bp < needed 30.0bp",
        "spot cannot short",
        "regime bull_trend wants long",
        "no confirmation (ma_crossover, rsi_dip)",
    )
    assert isinstance(outcome, NoSignal)
    assert outcome.side is Side.SELL  # a spot position may still be closed on it


CONFIRMED: list[tuple[Regime, float, dict[str, float], tuple[str, ...]]] = [
    (Regime.BULL_TREND, 0.01, CROSSED, ("ma_crossover",)),
    (Regime.BULL_TREND, 0.01, {"rsi_14": 35.0}, ("rsi_dip",)),
    (Regime.BEAR_TREND, -0.01, {"ema_9": 99.0, "ema_cross_age": 7.0}, ("ma_crossover",)),
    (Regime.BEAR_TREND, -0.01, {"rsi_14": 65.0}, ("rsi_peak",)),
    (Regime.RANGE_BOUND, 0.01, {"bb_position": 0.1}, ("bollinger_extreme",)),
    (Regime.RANGE_BOUND, 0.01, {"rsi_14": 20.0, "bb_position": 0.0}, ("bollinger_extreme", "rsi_extreme")),
    (Regime.RANGE_BOUND, -0.01, {"bb_position": 0.9}, ("bollinger_extreme",)),
    (Regime.RANGE_BOUND, -0.01, {"rsi_14": 71.0}, ("rsi_extreme",)),
    (Regime.HIGH_VOLATILITY, -0.01, {"atr_ratio": 1.2, "volume_ratio": 1.1}, ("atr_expansion", "volume")),
    (Regime.LOW_VOLATILITY, 0.01, BROKEN_OUT, ("squeeze", "breakout", "volume_spike")),
]


@pytest.mark.parametrize(("regime", "prediction", "context", "confirmed"), CONFIRMED)
def test_each_regime_has_its_confirmations(
    regime: Regime, prediction: float, context: dict[str, float], confirmed: tuple[str, ...]
) -> None:
    signal = judged(regime, prediction=prediction, context=context)
    assert isinstance(signal, Signal)
    assert signal.confirmations == confirmed


UNCONFIRMED: list[tuple[Regime, float, dict[str, float], str]] = [
    (Regime.BULL_TREND, 0.01, {"rsi_14": 65.0}, "ma_crossover, rsi_dip"),
    (Regime.BULL_TREND, 0.01, {**CROSSED, "ema_cross_age": 8.0}, "ma_crossover, rsi_dip"),  # above, but for long
    (Regime.BEAR_TREND, -0.01, {"rsi_14": 35.0}, "ma_crossover, rsi_peak"),
    (Regime.RANGE_BOUND, 0.01, {"bb_position": 0.9}, "bollinger_extreme, rsi_extreme"),
    (Regime.RANGE_BOUND, 0.01, {"rsi_14": 35.0}, "bollinger_extreme, rsi_extreme"),  # a dip is no extreme
    (Regime.HIGH_VOLATILITY, 0.01, {"atr_ratio": 1.2}, "volume"),
    (Regime.LOW_VOLATILITY, 0.01, {**BROKEN_OUT, "volume_ratio": 1.4}, "volume_spike"),
    (Regime.LOW_VOLATILITY, -0.01, BROKEN_OUT, "breakout"),  # to the other side
]


@pytest.mark.parametrize(("regime", "prediction", "context", "missing"), UNCONFIRMED)
def test_without_confirmation_there_is_no_signal_unless_it_is_not_required(
    regime: Regime, prediction: float, context: dict[str, float], missing: str
) -> None:
    assert reasons(judged(regime, prediction=prediction, context=context)) == (f"no confirmation ({missing})",)
    relaxed = SETTINGS.model_copy(update={"require_confirmation": False})
    assert isinstance(judged(regime, prediction=prediction, settings=relaxed, context=context), Signal)


def test_a_trend_takes_only_its_own_side() -> None:
    assert "regime bear_trend wants short" in reasons(judged(Regime.BEAR_TREND, context=CROSSED))


@pytest.mark.parametrize(
    ("side", "prediction", "least_bps", "holds"),
    [
        (Side.BUY, 0.00001, 0.0, True),  # a tenth of a basis point: its sign
        (Side.BUY, 0.0, 0.0, False),
        (Side.BUY, -0.00001, 0.0, False),
        (Side.SELL, -0.00001, 0.0, True),
        (Side.SELL, 0.00001, 0.0, False),
        (Side.BUY, 0.00051, 5.0, True),
        (Side.BUY, 0.0005, 5.0, False),
        (Side.SELL, -0.00051, 5.0, True),
        (Side.SELL, -0.00049, 5.0, False),
    ],
)
def test_a_position_is_held_while_its_edge_is_above_the_hold_bar(
    side: Side, prediction: float, least_bps: float, holds: bool
) -> None:
    settings = SETTINGS.model_copy(update={"hold_edge_bps": least_bps})
    forecast: Forecast = a_forecast(prediction=prediction)
    assert edge_holds(forecast, a_model(), side, settings) is holds
    assert not edge_holds(forecast, a_model(no_edge=True), side, settings)


def test_a_raised_bar_says_why_it_is_raised() -> None:
    raised = because(Code.COST_BUDGET, share=0.5, most=1 / 3, trades=40, factor=1.5)
    forecast = a_forecast(prediction=0.0044, context=a_context(**CROSSED))

    def with_bar(factor: float) -> Signal | NoSignal:
        return evaluate(
            forecast,
            a_model(),
            Regime.BULL_TREND,
            COST,
            can_short=True,
            settings=SETTINGS,
            bar_factor=factor,
            bar_reasons=(raised,),
        )

    assert reasons(with_bar(1.5)) == (
        "edge 44.0bp < needed 45.0bp (costs took 50% of the gross of 40 trades, at most 33%: bar x 1.50)",
    )
    assert isinstance(with_bar(1.4), Signal)


Asked = tuple[str, bool, float | None, float | None, str]  # name, passed, value, bar, code


def gates(outcome: Signal | NoSignal) -> list[Asked]:
    return [(gate.name, gate.passed, gate.value, gate.bar, gate.code) for gate in outcome.gates]


def test_a_signal_keeps_what_was_asked_for_it_in_order() -> None:
    """A prediction of 1 % with a slope of 1 against costs of 0.3 %; a cross of now, and an RSI of 50."""
    assert gates(judged(context=CROSSED)) == [
        ("slope", True, 1.0, 0.0, ""),
        ("edge", True, 0.01, 0.003, ""),
        ("bias", True, None, None, ""),
        ("ma_crossover", True, 0.0, 8, ""),
        ("rsi_dip", False, 50.0, 40.0, ""),
        ("confirmed", True, 1, 1, ""),
    ]


def test_what_forbids_a_signal_is_marked_with_the_code_of_its_reason() -> None:
    outcome = judged(Regime.BULL_TREND, prediction=-0.001, can_short=False)
    assert gates(outcome) == [
        ("slope", True, 1.0, 0.0, ""),
        ("edge", False, 0.001, 0.003, "edge_below_bar"),
        ("short", False, None, None, "spot_cannot_short"),
        ("bias", False, None, None, "regime_wants_long"),
        ("ma_crossover", False, None, 8, ""),
        ("rsi_dip", False, None, 40.0, ""),
        ("confirmed", False, 0, 1, "not_confirmed"),
    ]
    [bias] = [gate for gate in gates(judged(Regime.BEAR_TREND, context=CROSSED)) if gate[0] == "bias"]
    assert bias == ("bias", False, None, None, "regime_wants_short")


@pytest.mark.parametrize(
    ("model", "prediction", "slope", "code"),
    [
        (a_model(slope=-0.5), 0.01, -0.5, "slope_not_positive"),
        (a_model(no_edge=True), 0.01, 1.0, "model_without_edge"),
        (a_model(), math.nan, 1.0, "prediction_not_finite"),
        (a_model(), 0.0, 1.0, "prediction_zero"),
    ],
)
def test_without_an_edge_nothing_else_is_asked(model: ModelInfo, prediction: float, slope: float, code: str) -> None:
    assert gates(judged(model=model, prediction=prediction)) == [("slope", False, slope, 0.0, code)]


@pytest.mark.parametrize(
    ("regime", "changed", "expected"),
    [
        (Regime.BULL_TREND, {"require_confirmation": False}, (True, 0, 0)),
        (Regime.HIGH_VOLATILITY, {}, (False, 0, 2)),  # all of two
        (Regime.HIGH_VOLATILITY, {"require_confirmation": False}, (True, 0, 0)),
    ],
)
def test_how_many_confirmations_are_needed(
    regime: Regime, changed: dict[str, bool], expected: tuple[bool, int, int]
) -> None:
    outcome = judged(regime, settings=SETTINGS.model_copy(update=changed))
    [(_, passed, value, bar, _)] = [gate for gate in gates(outcome) if gate[0] == "confirmed"]
    assert (passed, value, bar) == expected


@pytest.mark.parametrize("needed", ["any", "all"])
def test_of_an_empty_list_none_is_needed(needed: str) -> None:
    rule = SETTINGS.regimes[Regime.BULL_TREND].model_copy(update={"confirmations": (), "confirmations_needed": needed})
    settings = SETTINGS.model_copy(update={"regimes": {**SETTINGS.regimes, Regime.BULL_TREND: rule}})
    outcome = judged(settings=settings)
    assert isinstance(outcome, Signal)
    assert gates(outcome)[-1] == ("confirmed", True, 0, 0, "")
