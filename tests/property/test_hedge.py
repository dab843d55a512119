"""The hedge for every portfolio: never more than its share, never a larger |beta|, never to and fro inside the band."""

from hypothesis import given
from hypothesis import strategies as st

from trader.config.risk import RiskSettings
from trader.risk.hedge import LEAST_BETA, hedge_notional, hedge_side, is_wanted

BOUNDS = st.tuples(st.floats(0.1, 3.0), st.floats(0.0, 1.0)).map(lambda b: (b[0], b[0] * b[1]))
BETA = st.floats(-5.0, 5.0)
OWN = st.floats(-10.0, 10.0).filter(lambda own: abs(own) >= LEAST_BETA)


def settings_with(above: float, below: float, frac: float) -> RiskSettings:
    return RiskSettings(hedge_beta_above=above, hedge_beta_below=below, hedge_frac=frac, max_order_notional_frac=5)


@given(bounds=BOUNDS, beta=BETA, own=OWN, equity=st.floats(1.0, 1e9), frac=st.floats(0.01, 0.5), short=st.booleans())
def test_a_hedge_is_never_too_large_and_never_makes_beta_worse(
    bounds: tuple[float, float], beta: float, own: float, equity: float, frac: float, short: bool
) -> None:
    risk, side = settings_with(*bounds, frac), hedge_side(own, can_short=short)
    if side is None or not is_wanted(beta, is_held=False, settings=risk):
        return
    notional = hedge_notional(beta, own, equity, risk)
    assert 0 < notional <= frac * equity * (1 + 1e-12)
    hedged = beta + side.sign * notional * own / equity
    assert abs(hedged) <= abs(beta)
    assert hedged < beta
    assert hedged >= -1e-9


@given(bounds=BOUNDS, betas=st.lists(BETA, max_size=50))
def test_it_changes_only_where_beta_has_crossed_the_whole_band(bounds: tuple[float, float], betas: list[float]) -> None:
    above, below = bounds
    risk, is_held = settings_with(above, below, 0.2), False
    for beta in betas:
        wanted = is_wanted(beta, is_held=is_held, settings=risk)
        if wanted is not is_held:
            assert wanted is (beta > above)
            assert wanted is not (beta < below)
        is_held = wanted
