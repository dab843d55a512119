"""Sizing never breaks a cap, and Kelly behaves like Kelly."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import a_forecast, a_model, an_instrument
from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.orders import Side
from trader.sizing import Sized, SizingView, kelly_fraction, size_position
from trader.strategy import Enter

FRACTIONS = st.floats(1e-4, 0.5)
PROBABILITIES = st.floats(0, 1)


@given(PROBABILITIES, FRACTIONS, FRACTIONS)
def test_kelly_is_zero_without_edge_and_inside_the_clamp_with_it(p: float, win: float, loss: float) -> None:
    bet, edge = kelly_fraction(p, win, loss), p * win - (1 - p) * loss
    if edge <= 0:
        assert bet == 0
    elif edge > 1e-9:
        assert 0.01 <= bet <= 0.10


@given(PROBABILITIES, PROBABILITIES, FRACTIONS, FRACTIONS)
def test_a_better_chance_never_bets_less(p: float, q: float, win: float, loss: float) -> None:
    low, high = sorted((p, q))
    assert kelly_fraction(low, win, loss) <= kelly_fraction(high, win, loss)


@given(st.floats(0.51, 0.99), FRACTIONS)
def test_full_kelly_maximises_log_growth(p: float, size: float) -> None:
    """f* (p b - q) / b is where the derivative of p log(1 + b f) + q log(1 - f) vanishes."""
    win, loss = size * 1.5, size
    f = kelly_fraction(p, win, loss, fraction=1.0, floor=0.0, cap=1.0)
    b = win / loss
    if f < 0.999:
        assert p * b / (1 + b * f) == pytest.approx((1 - p) / (1 - f), rel=1e-6)


@given(
    view=st.builds(
        SizingView,
        equity=st.floats(10, 1e6),
        free_quote=st.floats(0, 1e6),
        exposure_quote=st.floats(0, 1e6),
        open_risk_quote=st.floats(0, 3e5),
        position_count=st.integers(0, 9),
        price=st.floats(0.5, 1e5),
        stop_frac=st.floats(1e-4, 0.5),
        atr_frac=st.floats(0, 0.2),
        leverage=st.floats(1, 5),
    ),
    win_probability=PROBABILITIES,
    multiplier=st.floats(0, 3),
    side=st.sampled_from(Side),
    rule=st.sampled_from(SizingRule),
    risk_frac=st.none() | st.floats(1e-4, 1),
)
def test_a_size_never_breaks_a_cap(
    view: SizingView, win_probability: float, multiplier: float, side: Side, rule: SizingRule, risk_frac: float | None
) -> None:
    settings, instrument = SizingSettings(rule=rule), an_instrument()
    wish = Enter(side=side, size_multiplier=multiplier, risk_frac=risk_frac)
    forecast = a_forecast(win_probability=win_probability)
    result = size_position(wish, forecast, a_model(), view, instrument, settings)
    if not isinstance(result, Sized):
        assert str(result.reason)
        return
    slack = 1 + 1e-9
    assert instrument.refusal(result.quantity, instrument.round_price(view.price * 1.01)) is None
    assert result.risk_frac <= settings.cap_frac * slack
    assert result.risk_frac * view.equity + view.open_risk_quote <= 0.20 * view.equity * slack
    assert result.notional <= settings.position_notional_cap_frac * view.equity * slack
    assert result.notional + view.exposure_quote <= settings.exposure_limit_frac * view.equity * slack
    assert result.notional <= view.free_quote * view.leverage * slack
    assert view.position_count < settings.max_positions


@given(st.floats(0, 2e5), st.floats(0, 2e5))
def test_more_exposure_never_means_a_larger_size(one: float, other: float) -> None:
    low, high = sorted((one, other))
    view = SizingView(1e5, 1e6, low, 0.0, 0, 100.0, 0.02, 0.01)
    wish = Enter(side=Side.BUY)
    sizes = [
        size_position(wish, a_forecast(), a_model(), each, an_instrument(), SizingSettings())
        for each in (view, msgspec.structs.replace(view, exposure_quote=high))
    ]
    quantities = [size.quantity if isinstance(size, Sized) else 0 for size in sizes]
    assert quantities[1] <= quantities[0]
