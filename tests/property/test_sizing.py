"""Sizing never breaks a cap, and Kelly behaves like Kelly."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import a_forecast, a_model, a_perpetual, an_instrument
from trader.config.risk import RiskSettings
from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.commitments import Commitment, Commitments, Room
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.risk.caps import positions_with, rooms
from trader.risk.correlation import Correlations
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


AMOUNTS = st.floats(0, 1e6)
SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
COMMITTED = st.builds(
    Commitments,
    equity=st.floats(10, 1e6),
    free=st.floats(-1e5, 1e6),
    by_symbol=st.dictionaries(st.sampled_from(SYMBOLS), st.builds(Commitment, AMOUNTS, st.floats(0, 3e5), AMOUNTS)),
)


@given(
    committed=COMMITTED,
    correlation=st.floats(-1, 1),
    price=st.floats(0.5, 1e5),
    stop_frac=st.floats(1e-4, 0.5),
    atr_frac=st.floats(0, 0.2),
    leverage=st.floats(1, 5),
    is_perpetual=st.booleans(),
    win_probability=PROBABILITIES,
    wish=st.builds(
        Enter,
        side=st.sampled_from(Side),
        size_multiplier=st.floats(0, 3),
        risk_frac=st.none() | st.floats(1e-4, 1),
    ),
    rule=st.sampled_from(SizingRule),
)
def test_a_size_never_breaks_a_cap(
    committed: Commitments,
    correlation: float,
    price: float,
    stop_frac: float,
    atr_frac: float,
    leverage: float,
    is_perpetual: bool,
    win_probability: float,
    wish: Enter,
    rule: SizingRule,
) -> None:
    """Every cap of SPEC 5 and 7, written out here by hand, with what is held and under way."""
    sizing, risk = SizingSettings(rule=rule), RiskSettings()
    instrument = a_perpetual() if is_perpetual else an_instrument()
    instrument = msgspec.structs.replace(instrument, symbol="BTC/USDT", min_quantity=Decimal("0.00001"))
    correlations = Correlations({("BTC/USDT", "ETH/USDT"): correlation})
    left = rooms(instrument, stop_frac, committed, correlations, leverage=leverage, risk=risk, sizing=sizing)
    count = positions_with(instrument.symbol, committed)
    view = SizingView(committed.equity, committed.notional, left, count, price, stop_frac, atr_frac)
    result = size_position(wish, a_forecast(win_probability=win_probability), a_model(), view, instrument, sizing)
    if not isinstance(result, Sized):
        assert str(result.reason)
        return
    equity, slack = committed.equity, 1 + 1e-9
    here = committed.of(instrument.symbol)
    held = {name: each.notional for name, each in committed.by_symbol.items()}
    together = held.get("BTC/USDT", 0.0) + (held.get("ETH/USDT", 0.0) if correlation > 0.7 else 0.0)
    assert instrument.refusal(result.quantity, instrument.round_price(price * 1.01)) is None
    assert result.notional * stop_frac + here.risk <= 0.10 * equity * slack
    assert result.notional * stop_frac + sum(e.risk for e in committed.by_symbol.values()) <= 0.20 * equity * slack
    assert result.notional + here.notional <= 0.25 * equity * slack
    assert result.notional + sum(held.values()) <= 0.9 * equity * slack
    assert result.notional + together <= 0.5 * equity * slack
    assert result.notional / (leverage if is_perpetual else 1) <= committed.free
    assert len(committed.by_symbol.keys() | {"BTC/USDT"}) <= 8


@given(st.floats(0, 2e5), st.floats(0, 2e5))
def test_more_exposure_never_means_a_larger_size(one: float, other: float) -> None:
    low, high = sorted((one, other))
    quantities = []
    for exposure in (low, high):
        view = SizingView(1e5, exposure, (Room(Code.CAP_EXPOSURE, exposure, 9e4),), 1, 100.0, 0.02, 0.01)
        size = size_position(Enter(side=Side.BUY), a_forecast(), a_model(), view, an_instrument(), SizingSettings())
        quantities.append(size.quantity if isinstance(size, Sized) else 0)
    assert quantities[1] <= quantities[0]
