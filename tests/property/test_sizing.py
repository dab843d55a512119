"""Sizing never breaks a cap, and Kelly behaves like Kelly."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.kit.builders import a_forecast, a_model, a_perpetual, an_instrument
from trader.config.risk import RiskSettings
from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.commitments import Commitment, Commitments, Room
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import Outcomes, Regime
from trader.risk.caps import positions_with, rooms
from trader.risk.correlation import Correlations
from trader.risk.overlay import Vols, beside
from trader.sizing import Sized, SizingView, Unsized, kelly_fraction, size_position
from trader.sizing.evidence import Odds, Own, Tally, lower_probability, odds_of
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
WISHES = st.builds(
    Enter,
    side=st.sampled_from(Side),
    size_multiplier=st.floats(0, 3),
    risk_frac=st.none() | st.floats(1e-4, 1),
)
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
    wish=WISHES,
    rule=st.sampled_from(SizingRule),
    annual_vol=st.floats(0, 5),
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
    annual_vol: float,
) -> None:
    """Every cap of SPEC 5 and 7, written out here by hand, with what is held and under way."""
    sizing, risk = SizingSettings(rule=rule), RiskSettings()
    instrument = a_perpetual() if is_perpetual else an_instrument()
    instrument = msgspec.structs.replace(instrument, symbol="BTC/USDT", min_quantity=Decimal("0.00001"))
    correlations = Correlations({("BTC/USDT", "ETH/USDT"): correlation})
    left = rooms(
        instrument,
        stop_frac,
        committed,
        correlations,
        leverage=leverage,
        risk=risk,
        sizing=sizing,
        annual_vol=annual_vol,
    )
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
    assert result.notional + here.notional <= 0.25 * equity * min(1, 0.75 / max(annual_vol, 0.01)) * slack
    assert result.notional + sum(held.values()) <= 0.9 * equity * slack
    assert result.notional + together <= 0.5 * equity * slack
    assert result.notional / (leverage if is_perpetual else 1) <= committed.free
    assert len(committed.by_symbol.keys() | {"BTC/USDT"}) <= 8


VOLS = st.floats(0.01, 5)
TALLIES = st.builds(Tally, st.integers(0, 99), st.floats(0, 9), st.integers(0, 99), st.floats(0, 9))
RECORDS = st.builds(
    Outcomes, st.floats(0, 1e5), st.floats(0, 1), FRACTIONS, FRACTIONS, st.floats(0, 0.2), st.floats(0, 0.2)
)
OWN = st.builds(Own, st.integers(0, 500), st.floats(-5, 5), st.dictionaries(st.sampled_from(Regime), TALLIES))
BESIDE = st.builds(
    beside,
    st.just("BTC/USDT"),
    st.sampled_from([1, -1]),
    st.builds(
        Commitments,
        equity=st.floats(1e3, 1e6),
        free=st.just(0.0),
        by_symbol=st.dictionaries(
            st.sampled_from(SYMBOLS), st.builds(Commitment, AMOUNTS, AMOUNTS, st.floats(-1e6, 1e6))
        ),
    ),
    st.fixed_dictionaries({symbol: VOLS.map(lambda vol: Vols(vol, 2 * vol)) for symbol in SYMBOLS}),
    st.just(Correlations({("BTC/USDT", "ETH/USDT"): -0.5, ("BTC/USDT", "SOL/USDT"): 0.9})),
    st.floats(0, 1),
    most_gross=st.floats(0.1, 5),
    risk=st.builds(RiskSettings, portfolio_vol_target=st.floats(0.01, 2)),
)


@given(
    wish=WISHES,
    rule=st.sampled_from(SizingRule),
    win_probability=PROBABILITIES,
    pooled=st.none() | RECORDS,
    by_regime=st.dictionaries(st.sampled_from(Regime), RECORDS),
    view=st.builds(
        SizingView,
        equity=st.floats(1e3, 1e6),
        exposure_quote=st.floats(0, 2e6),
        rooms=st.just(()),
        positions=st.just(1),
        price=st.floats(0.5, 1e4),
        stop_frac=st.floats(1e-3, 0.5),
        atr_frac=st.floats(0, 0.5),
        shrink=st.floats(0, 1),
        held=st.just(0.0),
        parts=st.integers(1, 4),
        expected=st.integers(1, 500),
        correlation=st.floats(0, 1),
        beside=st.none() | BESIDE,
        regime=st.sampled_from(Regime),
        own=OWN,
        is_real_money=st.booleans(),
    ),
)
def test_every_factor_is_a_share_and_together_they_are_the_size(
    wish: Enter,
    rule: SizingRule,
    win_probability: float,
    pooled: Outcomes | None,
    by_regime: dict[Regime, Outcomes],
    view: SizingView,
) -> None:
    settings, model = SizingSettings(rule=rule), a_model(pooled=pooled, by_regime=by_regime)
    result = size_position(wish, a_forecast(win_probability=win_probability), model, view, an_instrument(), settings)
    if not isinstance(result, Sized):
        assert str(result.reason)
        return
    told = result.factors
    shares = (told.uncertainty, told.correlation, told.volatility, told.exposure, told.overlay, told.override)
    assert all(0 < share <= 1 for share in (*shares, told.part, told.book))
    assert 0 <= told.regime <= 3
    assert told.exposure >= 0.5
    product = told.bet_frac * told.regime
    for share in shares[:4]:
        product *= share
    assert told.wanted_frac == pytest.approx(min(0.10, product))
    assert told.caps in ((), (Code.CAP_MAX_QUANTITY,))
    assert told.whole_frac == pytest.approx(told.wanted_frac * told.overlay * told.override)
    assert told.risk_frac == pytest.approx(told.whole_frac * told.part)
    if told.kelly_frac is None:
        assert {rule is SizingRule.FIXED, wish.risk_frac is not None} != {False}
        return
    assert told.win_probability is not None
    assert told.win_loss is not None
    assert told.loss_frac is not None
    assert told.kelly_frac == pytest.approx(told.win_probability - (1 - told.win_probability) / told.win_loss)
    assert told.bet_frac == pytest.approx(min(0.10, max(0.01, 0.5 * told.kelly_frac)))  # and so a positive edge
    assert told.kelly_multiple == pytest.approx(told.whole_frac / (told.kelly_frac * view.stop_frac / told.loss_frac))


@given(PROBABILITIES, RECORDS, st.booleans(), OWN)
def test_no_edge_is_no_size_whatever_else_is_said(p: float, record: Outcomes, is_real: bool, own: Own) -> None:
    """The edge is that of the very odds that are bet on."""
    view = SizingView(1e5, 0.0, (), 1, 100.0, 0.02, 0.01, regime=Regime.RANGE_BOUND, own=own, is_real_money=is_real)
    model, settings = a_model(pooled=record, by_regime={Regime.RANGE_BOUND: record}), SizingSettings()
    odds = odds_of(model, Regime.RANGE_BOUND, own, settings.evidence_trades)
    shrunk = p + 0.25 * (model.base_rate - p)
    assume(shrunk * odds.win_frac <= (1 - shrunk) * odds.loss_frac)
    size = size_position(Enter(side=Side.BUY), a_forecast(win_probability=p), model, view, an_instrument(), settings)
    assert isinstance(size, Unsized)
    assert size.reason.code is Code.KELLY_WITHOUT_EDGE


@given(PROBABILITIES, RECORDS, st.floats(1.01, 100))
def test_more_evidence_never_lowers_the_bound_and_the_bound_is_never_above(
    p: float, record: Outcomes, more: float
) -> None:
    few = Odds(record.win_frac, record.loss_frac, record.count, record.win_sd, record.loss_sd)
    many = Odds(record.win_frac, record.loss_frac, record.count * more, record.win_sd, record.loss_sd)
    assert 0 <= lower_probability(p, few) <= lower_probability(p, many) <= p


@given(st.floats(0, 2e5), st.floats(0, 2e5))
def test_more_exposure_never_means_a_larger_size(one: float, other: float) -> None:
    low, high = sorted((one, other))
    quantities = []
    for exposure in (low, high):
        view = SizingView(1e5, exposure, (Room(Code.CAP_EXPOSURE, exposure, 9e4),), 1, 100.0, 0.02, 0.01)
        size = size_position(Enter(side=Side.BUY), a_forecast(), a_model(), view, an_instrument(), SizingSettings())
        quantities.append(size.quantity if isinstance(size, Sized) else 0)
    assert quantities[1] <= quantities[0]
