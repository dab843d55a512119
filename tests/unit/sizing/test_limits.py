"""From a wish to a quantity."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import a_forecast, a_model, an_instrument
from trader.config.sizing import SizingRule, SizingSettings
from trader.domain.commitments import Room
from trader.domain.orders import Side
from trader.domain.reasons import Code, texts
from trader.domain.signals import ModelInfo, Outcomes, Regime
from trader.domain.sizing import Beside, Swing
from trader.sizing import Sized, SizingView, Unsized, size_position
from trader.sizing.evidence import Own, Tally
from trader.sizing.rules import RULES
from trader.strategy import Enter

SETTINGS = SizingSettings(probability_shrink=0.5, position_notional_cap_frac=5.0, exposure_limit_frac=5.0)
VIEW = SizingView(
    equity=10_000.0,
    exposure_quote=0.0,
    rooms=(Room(Code.CAP_POSITION_RISK, 0.0, 1_000.0, 0.02),),
    positions=1,
    price=100.0,
    stop_frac=0.02,
    atr_frac=0.01,
)
# p = (0.6 + 0.5) / 2 = 0.55, b = 1: f* = 0.1, half = 0.05
MODEL = a_model(average_win_frac=0.01, average_loss_frac=0.01)


def a_wish(size_multiplier: float = 1.0, side: Side = Side.BUY, risk_frac: float | None = None) -> Enter:
    return Enter(side=side, size_multiplier=size_multiplier, risk_frac=risk_frac)


def outcome(
    *,
    wish: Enter | None = None,
    model: ModelInfo = MODEL,
    settings: SizingSettings = SETTINGS,
    max_quantity: str = "9000",
    tick: str = "0.01",
    **changes: object,
) -> Sized | Unsized:
    view = msgspec.structs.replace(VIEW, **changes)
    instrument = an_instrument(max_quantity=max_quantity, tick=tick)
    return size_position(wish or a_wish(), a_forecast(), model, view, instrument, settings)


def sized(**changes: object) -> Sized:
    result = outcome(**changes)  # type: ignore[arg-type]  # keyword values are checked by `outcome` itself
    assert isinstance(result, Sized), result
    return result


def test_risk_budget_over_stop_distance() -> None:
    result = sized()
    assert result.risk_frac == pytest.approx(0.05 / 1.1, rel=1e-4)  # 5% scaled by 1 / (1 + 10 x 1%)
    assert float(result.quantity) == pytest.approx(0.05 / 1.1 * 10_000 / 2.0, rel=1e-4)
    assert result.notional == pytest.approx(float(result.quantity) * 100.0)
    assert result.limits == ()


def test_volatility_exposure_and_regime_scale_it() -> None:
    calm = sized(atr_frac=0.0).quantity
    assert float(sized(atr_frac=0.1).quantity) == pytest.approx(float(calm) / 2, rel=1e-4)
    assert float(sized(atr_frac=0.0, exposure_quote=12_500.0).quantity) == pytest.approx(float(calm) * 0.75, rel=1e-4)
    assert float(sized(atr_frac=0.0, exposure_quote=30_000.0).quantity) == pytest.approx(float(calm) * 0.5, rel=1e-4)
    assert float(sized(atr_frac=0.0, wish=a_wish(0.5)).quantity) == pytest.approx(float(calm) / 2, rel=1e-4)


def test_how_volatility_and_exposure_count_is_configured() -> None:
    calm = sized(atr_frac=0.0).risk_frac
    deaf = SETTINGS.model_copy(update={"kelly_volatility": 0.0, "kelly_exposure_floor": 1.0})
    assert sized(settings=deaf, atr_frac=0.1, exposure_quote=12_500.0).risk_frac == pytest.approx(calm)
    keen = SETTINGS.model_copy(update={"kelly_volatility": 30.0, "kelly_exposure_floor": 0.25})
    assert sized(settings=keen, atr_frac=0.1).risk_frac == pytest.approx(calm / 4)
    assert sized(settings=keen, atr_frac=0.0, exposure_quote=40_000.0).risk_frac == pytest.approx(calm * 0.25)


def test_the_multiplier_never_lifts_the_risk_above_the_cap() -> None:
    strong = a_model(average_win_frac=0.1, average_loss_frac=0.01)
    assert sized(model=strong, wish=a_wish(3.0), atr_frac=0.0).risk_frac <= 0.10


def test_the_fixed_rule_risks_the_same_share_whatever_the_model_says() -> None:
    settings = SETTINGS.model_copy(update={"rule": SizingRule.FIXED})
    assert sized(settings=settings).risk_frac == pytest.approx(0.02, rel=1e-4)
    assert sized(settings=settings, atr_frac=0.1, exposure_quote=30_000.0).risk_frac == pytest.approx(0.02, rel=1e-4)
    assert sized(settings=settings, wish=a_wish(0.5)).risk_frac == pytest.approx(0.01, rel=1e-4)


def test_a_strategy_may_say_what_it_risks_but_never_above_the_cap() -> None:
    assert sized(wish=a_wish(risk_frac=0.004)).risk_frac == pytest.approx(0.004, rel=1e-3)
    assert sized(wish=a_wish(0.5, risk_frac=0.004)).risk_frac == pytest.approx(0.002, rel=1e-3)
    assert sized(wish=a_wish(risk_frac=0.5)).risk_frac == pytest.approx(0.10, rel=1e-3)


def test_kelly_needs_a_forecast_and_the_fixed_rule_does_not() -> None:
    instrument = an_instrument()
    nothing = size_position(a_wish(), None, None, VIEW, instrument, SETTINGS)
    assert isinstance(nothing, Unsized)
    assert nothing.reason.code is Code.KELLY_WITHOUT_FORECAST
    fixed = SETTINGS.model_copy(update={"rule": SizingRule.FIXED})
    assert isinstance(size_position(a_wish(), None, None, VIEW, instrument, fixed), Sized)


def test_every_rule_that_can_be_configured_is_there() -> None:
    assert set(RULES) == set(SizingRule)


@pytest.mark.parametrize(
    ("changes", "limit", "notional"),
    [
        ({"rooms": (Room(Code.CAP_POSITION_NOTIONAL, 500.0, 2_500.0),)}, "position_notional", 2_000.0),
        ({"rooms": (Room(Code.CAP_PORTFOLIO_RISK, 1_900.0, 2_000.0, 0.02),)}, "portfolio_risk", 5_000.0),
        ({"rooms": (Room(Code.CAP_EXPOSURE, 49_000.0, 50_000.0),)}, "exposure", 1_000.0),
        ({"rooms": (Room(Code.CAP_FREE_BALANCE, 0.0, 500.0, 1.001),)}, "free_balance", 499.5),
        ({"max_quantity": "3"}, "max_quantity", 300.0),
    ],
)
def test_every_cap_is_applied_and_named(changes: dict[str, object], limit: str, notional: float) -> None:
    result = sized(**changes)
    assert limit in texts(result.limits)
    assert result.notional == pytest.approx(notional, rel=1e-3)


def test_every_cap_that_cut_is_named_with_its_numbers_in_their_order() -> None:
    [order, risk] = sized(
        rooms=(
            Room(Code.CAP_POSITION_NOTIONAL, 0.0, 15_000.0),
            Room(Code.CAP_EXPOSURE, 0.0, 40_000.0),
            Room(Code.CAP_PORTFOLIO_RISK, 1_960.0, 2_000.0, 0.02),
        )
    ).limits
    assert (order.code, order.numbers) == (Code.CAP_POSITION_NOTIONAL, {"used_quote": 0.0, "most_quote": 15_000.0})
    assert (risk.code, risk.numbers) == (Code.CAP_PORTFOLIO_RISK, {"used_quote": 1_960.0, "most_quote": 2_000.0})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"equity": 0.0}, "equity 0.00 is not above 0"),
        ({"equity": float("nan")}, "equity nan"),
        ({"equity": 0.5}, "notional 1.13 below minimum 5 USDT"),
        ({"stop_frac": 0.0}, "must be above 0"),
        ({"price": 0.0}, "must be above 0"),
        ({"atr_frac": float("nan")}, "not available"),
        ({"atr_frac": float("inf")}, "not available"),
        ({"atr_frac": -0.01}, "not available"),
        ({"positions": 9}, "8 positions open, at most 8"),
        ({"model": a_model(average_loss_frac=0.0)}, "no record of wins and losses"),
        ({"model": a_model(average_win_frac=0.0)}, "no record of wins and losses"),
        ({"model": a_model(base_rate=0.1, average_win_frac=0.01)}, "kelly: no edge"),
        (
            {"rooms": (Room(Code.CAP_PORTFOLIO_RISK, 2_000.0, 2_000.0, 0.02),)},
            "below minimum 0.00001 BTC (portfolio_risk)",
        ),
        ({"rooms": (Room(Code.CAP_FREE_BALANCE, 0.0, 3.0, 1.0),)}, "notional 3.00 below minimum 5 USDT (free_balance)"),
    ],
)
def test_no_trade_has_a_reason(changes: dict[str, object], reason: str) -> None:
    result = outcome(**changes)  # type: ignore[arg-type]  # keyword values are checked by `outcome` itself
    assert isinstance(result, Unsized)
    assert reason in str(result.reason)


def test_the_quantity_is_on_the_step() -> None:
    assert sized(price=97.31).quantity % Decimal("0.00001") == 0


def test_a_coin_worth_less_than_one_is_sized_too() -> None:
    # 0.4% of 10,000 at a stop of 2% of 0.5
    assert sized(price=0.5, wish=a_wish(risk_frac=0.004)).quantity == Decimal(4_000)


def test_exactly_the_largest_quantity_was_not_capped() -> None:
    whole = a_wish(risk_frac=0.01)  # 100 of 10,000 at a stop of 2
    exactly = sized(wish=whole, max_quantity="50")
    assert (exactly.quantity, texts(exactly.limits)) == (Decimal(50), ())
    assert texts(sized(wish=whole, max_quantity="49.9").limits) == ("max_quantity",)


def test_the_least_value_is_asked_at_the_tick_a_limit_order_would_take() -> None:
    """A buy rests at the tick below the touch, a sale at the one above; 5 USDT is the least."""
    bought = outcome(price=10.06, tick="0.1", wish=a_wish(risk_frac=0.00001))  # 0.497 BTC: 4.97 at 10.0, 5.01 at 10.1
    assert isinstance(bought, Unsized)
    assert str(bought.reason) == "notional 4.97 below minimum 5 USDT"
    sold = sized(price=10.04, tick="0.1", wish=a_wish(side=Side.SELL, risk_frac=0.00001))
    assert sold.quantity == Decimal("0.49800")  # 4.98 at 10.0, 5.02 at 10.1


# --- a position in parts ------------------------------------------------------------------------------------

WHOLE = 0.05 / 1.1 * 10_000 / 2.0  # 227.27 base


@pytest.mark.parametrize(
    ("held", "parts", "expected"),
    [
        (0.0, 1, WHOLE),
        (0.0, 4, WHOLE / 4),
        (100.0, 2, (WHOLE - 100) / 2),
        (100.0, 1, WHOLE - 100),
        (WHOLE - 10, 3, 10 / 3),
    ],
)
def test_a_part_is_what_is_left_of_the_whole_by_the_parts_that_are_left(
    held: float, parts: int, expected: float
) -> None:
    assert float(sized(held=held, parts=parts).quantity) == pytest.approx(expected, abs=1e-4)


def test_what_the_caps_leave_is_beside_what_is_held() -> None:
    """10,000 quote are left, 100 base: the whole is 150, and two parts of 50 are missing."""
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 5_000.0, 15_000.0),)
    result = sized(held=50.0, parts=2, rooms=rooms)
    assert float(result.quantity) == pytest.approx(50.0)
    assert [reason.code for reason in result.limits] == [Code.CAP_POSITION_NOTIONAL]


@pytest.mark.parametrize(("held", "expected"), [(0.0, WHOLE / 2), (50.0, WHOLE / 2 - 50)])
def test_a_shrunk_position_is_shrunk_as_a_whole(held: float, expected: float) -> None:
    assert float(sized(held=held, shrink=0.5).quantity) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("changes", [{"held": WHOLE + 1}, {"held": 100.0, "shrink": 0.4}, {"held": WHOLE, "parts": 4}])
def test_nothing_is_added_to_what_is_the_whole_or_more(changes: dict[str, float]) -> None:
    result = outcome(**changes)  # type: ignore[arg-type]  # keyword values are checked by `outcome` itself
    assert isinstance(result, Unsized)
    assert result.reason.code is Code.BELOW_MIN_QUANTITY


@pytest.mark.parametrize(("notional", "expected"), [(20.0, 0.05), (19.0, 19 / 3 / 100), (12.0, 0.06), (7.0, 0.07)])
def test_a_part_below_the_minimum_is_made_larger(notional: float, expected: float) -> None:
    """The least notional is 5: of 20 each of four parts is enough, of 19 three are bought, of 7 one."""
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 0.0, notional),)
    assert float(sized(parts=4, rooms=rooms).quantity) == pytest.approx(expected, abs=1e-4)


def test_what_is_too_small_as_a_whole_is_no_trade() -> None:
    result = outcome(parts=4, rooms=(Room(Code.CAP_POSITION_NOTIONAL, 0.0, 4.9),))
    assert isinstance(result, Unsized)
    assert result.reason.code is Code.BELOW_MIN_NOTIONAL


# --- what shaped it -----------------------------------------------------------------------------------------


def test_a_size_says_every_factor_that_shaped_it() -> None:
    """p 0.55, b 1: f* 0.1, half 0.05; ATR 1 %: / 1.1; 12,500 of 50,000 exposed: x 0.75; regime x 0.8; person x 0.5."""
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 5_000.0, 15_000.0),)
    told = sized(exposure_quote=12_500.0, wish=a_wish(0.8), shrink=0.5, parts=2, rooms=rooms).factors
    assert (told.rule, told.regime, told.override) == ("kelly", 0.8, 0.5)
    assert (told.bet_frac, told.win_probability, told.win_loss) == pytest.approx((0.05, 0.55, 1.0))
    assert (told.kelly_frac, told.volatility, told.exposure) == pytest.approx((0.1, 1 / 1.1, 0.75))
    assert told.wanted_frac == pytest.approx(0.05 / 1.1 * 0.75 * 0.8)  # 0.02727: 13,636 quote, 10,000 are left
    assert told.caps == (Code.CAP_POSITION_NOTIONAL,)
    assert told.whole_frac == pytest.approx(5_000 * 0.02 / 10_000)
    assert (told.part, told.risk_frac) == pytest.approx((0.5, 0.005))
    # the whole loses 5,000 x 1 % = 0.5 % of equity at a mean loss; all of Kelly would lose 10 %
    assert told.kelly_multiple == pytest.approx(0.05)


def test_a_size_without_kelly_has_no_multiple_of_it() -> None:
    told = sized(wish=a_wish(0.5, risk_frac=0.004)).factors
    assert (told.rule, told.bet_frac, told.regime, told.wanted_frac) == ("own", 0.004, 0.5, 0.002)
    assert (told.kelly_frac, told.kelly_multiple, told.win_loss) == (None, None, None)
    assert sized(settings=SETTINGS.model_copy(update={"rule": SizingRule.FIXED})).factors.rule == "fixed"


# --- one budget, and what is not known yet --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "correlation", "share"),
    [(1, 0.8, 1.0), (8, 0.8, 1 / 6.6), (8, 0.5, 1 / 4.5), (8, 0.0, 1.0), (2, 1.0, 0.5)],
)
def test_positions_that_move_together_share_one_bet(expected: int, correlation: float, share: float) -> None:
    """Of half of Kelly, 5 %: 1 / (1 + (8 - 1) x 0.8) = 15.2 % of it is 0.76 % of equity."""
    result = sized(atr_frac=0.0, expected=expected, correlation=correlation)
    assert result.factors.correlation == pytest.approx(share)
    assert result.risk_frac == pytest.approx(0.05 * share, rel=1e-4)


# p 0.55 of 1,600 outcomes: edge .001; variance of one .2475 x .02^2 = 9.9e-5, standard error .00995 / 40 = .00024875,
# x 1.6449 = .000409; the bound .000591 / .01 = 5.91 % is all of Kelly, a quarter of it 1.477 %. The usual bet is 5 %.
PROVEN = a_model(average_win_frac=0.01, average_loss_frac=0.01, pooled=Outcomes(1_600, 0.5, 0.01, 0.01))
NEW = 0.25 * (0.001 - 1.6448536 * 0.0099498744 / 40) / 0.01


@pytest.mark.parametrize(
    ("own", "bet"),
    [
        (Own(), NEW),
        (Own(trades=30, net_frac=-0.1), 0.25 * (0.001 - 1.6448536 * 0.0099498744 / 1_630**0.5) / 0.01),
        (Own(trades=60, net_frac=0.1), 0.05),
        (Own(trades=900, net_frac=0.1), 0.05),
    ],
)
def test_a_new_model_with_real_money_begins_with_a_quarter_on_its_lower_bound(own: Own, bet: float) -> None:
    result = sized(model=PROVEN, atr_frac=0.0, own=own, is_real_money=True)
    assert result.factors.bet_frac == pytest.approx(0.05)
    assert result.factors.uncertainty == pytest.approx(bet / 0.05)
    assert result.risk_frac == pytest.approx(bet, rel=1e-4)


def test_halfway_to_enough_evidence_is_halfway_from_the_first_bet_to_the_usual_one() -> None:
    low = 0.25 * (0.001 - 1.6448536 * 0.0099498744 / 1_630**0.5) / 0.01
    result = sized(model=PROVEN, atr_frac=0.0, own=Own(trades=30, net_frac=0.1), is_real_money=True)
    assert result.risk_frac == pytest.approx((low + 0.05) / 2, rel=1e-4)


def test_who_bets_less_than_a_quarter_begins_with_no_more_of_it() -> None:
    settings = SETTINGS.model_copy(update={"kelly_fraction": 0.2})
    told = sized(model=PROVEN, settings=settings, atr_frac=0.0, is_real_money=True).factors
    assert told.bet_frac == pytest.approx(0.02)
    assert told.uncertainty == pytest.approx(0.2 * NEW / 0.25 / 0.02)


@pytest.mark.parametrize("pooled", [None, Outcomes(100, 0.5, 0.01, 0.01)])
def test_an_edge_that_its_evidence_does_not_bound_is_no_trade_with_real_money(pooled: Outcomes | None) -> None:
    """Of 100 outcomes the bound is .001 - 1.6449 x .000995 < 0; without a count there is none. On paper it trades."""
    model = a_model(average_win_frac=0.01, average_loss_frac=0.01, pooled=pooled)
    refused = outcome(model=model, is_real_money=True)
    assert isinstance(refused, Unsized)
    assert refused.reason.code is Code.KELLY_UNPROVEN
    assert sized(model=model).factors.uncertainty == 1.0


def test_the_odds_are_those_of_the_regime_with_own_trades() -> None:
    """60 outcomes that the record counts for won 1 %, 20 own ones 3 %: 1.5 %; b 1.5, f* .55 - .45 / 1.5 = 0.25."""
    own = Own(20, 0.6, {Regime.BULL_TREND: Tally(wins=20, won_frac=0.6)})
    told = sized(own=own, regime=Regime.BULL_TREND).factors
    assert (told.win_loss, told.kelly_frac, told.loss_frac) == pytest.approx((1.5, 0.25, 0.01))
    assert sized(own=own, regime=Regime.RANGE_BOUND).factors.win_loss == pytest.approx(1.0)


ALONE = Beside(Swing(0.0, 0.0, 0.8), Swing(0.0, 0.0, 1.6), 0.0, 0.0, 0.3, 0.78, 0.72, 0.9)


def test_the_portfolio_shrinks_what_the_caps_leave() -> None:
    """Half of equity at a volatility of 0.8 swings 0.4, at most 0.3: three quarters of it are left."""
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 0.0, 5_000.0),)
    result = sized(rooms=rooms, beside=ALONE)
    assert result.factors.overlay == pytest.approx(0.75)
    assert result.notional == pytest.approx(3_750.0)
    assert [reason.code for reason in result.limits] == [Code.CAP_POSITION_NOTIONAL, Code.OVERLAY_VOLATILITY]
    assert result.factors.caps == (Code.CAP_POSITION_NOTIONAL,)


def test_what_is_held_counts_in_the_portfolio_and_is_part_of_the_whole() -> None:
    """20 base are held, 30 more fit: 50 would swing 0.4, so 37.5 is the whole and 17.5 are missing, in two parts."""
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 2_000.0, 5_000.0),)
    assert float(sized(rooms=rooms, beside=ALONE, held=20.0, parts=2).quantity) == pytest.approx(8.75, abs=1e-4)


def test_the_portfolio_speaks_of_rules_without_kelly_too() -> None:
    rooms = (Room(Code.CAP_POSITION_NOTIONAL, 0.0, 5_000.0),)
    assert sized(rooms=rooms, beside=ALONE, wish=a_wish(risk_frac=0.05)).notional == pytest.approx(3_750.0)
