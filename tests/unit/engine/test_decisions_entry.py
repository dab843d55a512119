"""Forecasts that open a position: situation -> verdict, side, quantity, algorithm, reasons, and what follows."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_context, a_model
from tests.kit.situations import MINUTE_MS, a_scene, coins, of, quantity, sent, told
from trader.domain.decisions import KeepOrder, RecordDecision, SetTimer, SubmitOrder
from trader.domain.events import ModelWatched
from trader.domain.orders import OrderStatus, OrderType, Purpose, Side, TimeInForce
from trader.domain.reasons import Code, because
from trader.domain.signals import HealthAction, MarketContext, ModelHealth, Regime, Verdict

# A wide stop (2 ATR = 20 %) makes the risk decide the size, not the notional cap.
WIDE = a_context(rsi_14=29.0, bb_position=0.02, hist_vol_20=0.3, atr_14=10.0)
WIDE_PEAK = a_context(rsi_14=71.0, bb_position=0.98, hist_vol_20=0.3, atr_14=10.0)
BUY_PRICE = 100.01 * 1.003  # the worst a protected market order may pay: sizes fit at it
SELL_PRICE = 100.04  # what a limit order asks: 99.99 x 1.0005, up to the tick
FEE = 0.001  # comes off the equity that a cap is a share of


def capped(share: float, price: float = BUY_PRICE, *, equity: float = 10_000.0, used: float = 0.0) -> float:
    """The quantity at which `used` and its value are `share` of the equity that its fee leaves."""
    return (share * equity - used) / (price * (1 + share * FEE))


def risked(win: float, *, regime_multiplier: float = 1.0, by_exposure: float = 1.0) -> float:
    """Equity at risk by SPEC 5: half Kelly (b = 2, p shrunk by a quarter to 0.5), by 10 % volatility, by exposure."""
    p = win + 0.25 * (0.5 - win)
    half_kelly = min(0.10, max(0.01, 0.5 * (p * 2 - (1 - p)) / 2))
    return half_kelly / (1 + 10 * 0.10) * by_exposure * regime_multiplier


def test_a_dip_in_a_quiet_range_is_bought() -> None:
    scene = a_scene()
    record = scene.forecast(0.02, win=0.7)
    assert record.verdict is Verdict.ENTER
    assert told(record) == ("bollinger_extreme", "rsi_extreme", "position_notional", "impact 0.0bp")
    assert (record.side, record.algorithm, record.parent_id) == (Side.BUY, "market", record.decision_id)
    assert float(quantity(record)) == pytest.approx(capped(0.25), abs=1e-5)
    assert (record.regime, record.prediction, record.win_probability) == (Regime.RANGE_BOUND, 0.02, 0.7)
    assert (record.symbol, record.model_id, record.feature_hash) == (SYMBOL, "model-1", "hash")
    assert (record.ts_ms, record.candle_open_ms) == (NOW_MS, NOW_MS - MINUTE_MS)
    assert record.edge_bps == pytest.approx(200.0)
    assert record.cost_bps == pytest.approx(22.0)


def test_a_peak_is_sold_where_one_can_be_short() -> None:
    record = a_scene(perpetual=True).forecast(-0.02)
    assert (record.verdict, record.side) == (Verdict.ENTER, Side.SELL)
    assert told(record) == ("bollinger_extreme", "rsi_extreme", "position_notional", "impact 0.0bp")
    assert float(quantity(record)) == pytest.approx(2_500 / SELL_PRICE / (1 + 0.25 * 0.0005), abs=1e-3)
    assert record.edge_bps == pytest.approx(200.0)  # for the side it trades


def test_the_order_is_written_before_it_is_sent_and_the_row_comes_with_it() -> None:
    scene = a_scene()
    decided = scene.heard_forecast()
    [row] = of(decided, RecordDecision)
    [submit] = of(decided, SubmitOrder)
    intent = submit.approved.intent
    assert (intent.side, intent.type, intent.time_in_force) == (Side.BUY, OrderType.LIMIT, TimeInForce.IOC)
    assert (intent.symbol, intent.purpose, intent.quantity) == (SYMBOL, Purpose.ENTRY, quantity(row.record))
    assert (intent.price, intent.reduce_only, intent.post_only) == (Decimal("100.31"), False, False)
    assert (intent.decision_id, intent.parent_id) == (row.record.decision_id, row.record.decision_id)
    assert submit.replaces is None
    kept = [decided.index(k) for k in of(decided, KeepOrder) if k.order.client_id == intent.client_id]
    assert kept[0] < decided.index(submit)


def test_a_decision_is_named_by_ledger_symbol_and_candle() -> None:
    first, again = a_scene().forecast(), a_scene().forecast()
    assert first.decision_id == again.decision_id
    assert len(first.decision_id) == 13  # short enough for a column, and told from all others of a ledger
    scene = a_scene(instruments=coins("BTC", "XRP"))
    others = [scene.forecast(0.0), scene.forecast(0.0, "XRP/USDT")]
    scene.wait(MINUTE_MS)
    others.append(scene.forecast(0.0))
    assert others[0].decision_id == first.decision_id
    assert len({record.decision_id for record in others}) == 3


@pytest.mark.parametrize(
    ("context", "regime", "confirmed", "stop_frac", "multiplier"),
    [
        (
            a_context(adx=30.0, close=103.0, atr_14=0.1, rsi_14=55.0, ema_9=101.0, ema_cross_age=7.0, hist_vol_20=0.3),
            Regime.BULL_TREND,
            ("ma_crossover",),
            0.01,
            1.2,
        ),
        (a_context(rsi_14=29.0, atr_14=0.1, hist_vol_20=0.3), Regime.RANGE_BOUND, ("rsi_extreme",), 0.01, 1.0),
        (
            a_context(hist_vol_20=0.7, atr_14=0.1, atr_ratio=1.1, volume_ratio=1.1),
            Regime.HIGH_VOLATILITY,
            ("atr_expansion", "volume"),
            0.02,
            0.5,
        ),
        (
            a_context(hist_vol_20=0.1, atr_14=0.1, squeeze_age=4.0, bb_position=1.01, volume_ratio=1.5),
            Regime.LOW_VOLATILITY,
            ("squeeze", "breakout", "volume_spike"),
            0.008,
            1.0,
        ),
    ],
)
def test_each_regime_has_its_confirmations_its_stop_and_its_size(
    context: MarketContext, regime: Regime, confirmed: tuple[str, ...], stop_frac: float, multiplier: float
) -> None:
    """A Kelly bet of 0.4 % of equity, so that no cap decides the size."""
    scene = a_scene({"sizing": {"cap_frac": 0.004, "floor_frac": 0.004, "position_notional_cap_frac": 5.0}})
    record = scene.forecast(context=context)
    by_volatility = 1 / (1 + 10 * 0.1 / context.close)
    wanted_frac = 0.004 * by_volatility * multiplier
    is_capped = wanted_frac > 0.004
    limits = ("position_risk",) if is_capped else ()
    assert (record.regime, told(record)) == (regime, (*confirmed, *limits, "impact 0.0bp"))
    expected = min(0.004, wanted_frac) * 10_000 / (BUY_PRICE * (stop_frac + is_capped * 0.004 * FEE))
    assert float(quantity(record)) == pytest.approx(expected, abs=2e-5)
    scene.oblige()
    assert scene.plan().regime is regime
    assert scene.plan().stop_price == pytest.approx(100.01 * (1 - stop_frac))


def test_a_bear_trend_is_sold() -> None:
    bear = a_context(adx=30.0, close=97.0, atr_14=0.1, rsi_14=45.0, ema_9=99.0, ema_cross_age=0.0, hist_vol_20=0.3)
    scene = a_scene(perpetual=True)
    record = scene.forecast(-0.02, context=bear)
    assert (record.regime, told(record)[0], record.side) == (Regime.BEAR_TREND, "ma_crossover", Side.SELL)
    scene.oblige()
    assert scene.plan().stop_price == pytest.approx(99.99 * 1.015)
    assert scene.plan().take_profit_price == pytest.approx(99.99 * (1 - 0.045))


def test_a_regime_is_kept_until_its_threshold_is_clearly_missed() -> None:
    scene = a_scene()
    bull = a_context(adx=26.0, close=103.0)
    nearly = a_context(adx=24.0, close=103.0)
    assert scene.forecast(context=nearly).regime == Regime.RANGE_BOUND
    scene.wait(MINUTE_MS)
    assert scene.forecast(context=bull).regime == Regime.BULL_TREND
    scene.wait(MINUTE_MS)
    assert scene.forecast(context=nearly).regime == Regime.BULL_TREND
    scene.wait(MINUTE_MS)
    assert scene.forecast(context=a_context(adx=22.0, close=103.0)).regime == Regime.RANGE_BOUND


@pytest.mark.parametrize(
    ("atr", "volatility", "horizon", "stop_frac", "target_frac"),
    [
        (0.1, 0.3, 16, 0.01, 0.03),  # the regime's 1 %; 3 R is further than its 1.5 %
        (0.6, 0.3, 16, 0.012, 0.036),  # 2 ATR
        (0.1, 0.55, 240, 3 * 0.55 * (240 / 525_600) ** 0.5, 0.03),  # 3 sigma of 4 hours; R is still the regime's 1 %
    ],
)
def test_the_stop_is_the_widest_of_three(
    atr: float, volatility: float, horizon: int, stop_frac: float, target_frac: float
) -> None:
    scene = a_scene(model=a_model(horizon_candles=horizon))
    scene.forecast(context=a_context(rsi_14=29.0, bb_position=0.02, hist_vol_20=volatility, atr_14=atr))
    scene.oblige()
    plan = scene.plan()
    assert plan.stop_price == pytest.approx(100.01 * (1 - stop_frac))
    assert plan.take_profit_price == pytest.approx(100.01 * (1 + target_frac))


def test_the_plan_is_the_decisions_and_ends_with_the_forecasts_horizon() -> None:
    scene = a_scene(model=a_model(horizon_candles=16))
    scene.wait(20_000)
    record = scene.forecast(age_ms=15_000)  # the candle closed 15 s ago: that is when the horizon begins
    scene.oblige()
    plan = scene.plan()
    assert plan.horizon_end_ms == scene.now_ms - 15_000 + 16 * MINUTE_MS
    assert (plan.decision_id, plan.side, plan.opened_ms) == (record.decision_id, Side.BUY, scene.now_ms)
    assert (plan.entry_price, plan.best_price) == (100.01, 100.01)
    assert not plan.partial_done
    assert not plan.trailing


def test_every_fill_is_protected_at_once_and_the_plan_starts_from_the_average() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    first = scene.fill(entry.client_id, "10", 100.01, ends=OrderStatus.PARTIALLY_FILLED)
    [stop] = sent(first, Purpose.STOP)
    assert (stop.quantity, stop.stop_price, stop.side) == (Decimal("10.00000"), Decimal("99.01"), Side.SELL)
    assert (stop.type, stop.decision_id, stop.reduce_only) == (OrderType.STOP_MARKET, entry.decision_id, False)
    scene.report(stop.client_id, OrderStatus.OPEN)
    second = scene.fill(entry.client_id, "14.92273", 100.31)
    [wider] = of(second, SubmitOrder)
    assert (wider.approved.intent.quantity, wider.replaces is not None) == (Decimal("24.92273"), True)
    average = (10 * 100.01 + 14.92273 * 100.31) / 24.92273
    assert scene.plan().entry_price == pytest.approx(average)
    assert scene.plan().stop_price == pytest.approx(average * 0.99)
    assert scene.plan().take_profit_price == pytest.approx(average * 1.03)
    assert wider.approved.intent.stop_price == Decimal(
        f"{average * 0.99 + 0.005:.2f}"
    )  # the next tick towards the market


def test_a_cheaper_second_fill_does_not_loosen_the_stop() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "10", 100.01, ends=OrderStatus.PARTIALLY_FILLED)
    scene.fill(entry.client_id, None, 99.0)
    assert scene.plan().stop_price == pytest.approx(100.01 * 0.99)
    assert scene.plan().entry_price < 99.5


def test_what_an_entry_did_not_get_is_tried_again_and_the_symbol_is_free_after_it() -> None:
    """An IOC order that got a part is followed by one for the rest a second later, up to five in all."""
    scene = a_scene()
    record = scene.forecast()
    tried: list[str] = []
    left = quantity(record)
    for _ in range(5):
        [entry] = sent(scene.seen, Purpose.ENTRY)[len(tried) :]
        assert entry.quantity == left
        tried.append(entry.client_id)
        scene.fill(entry.client_id, "1")
        left -= 1
        scene.wait(1_000)
    assert len(set(tried)) == 5
    assert sent(scene.seen, Purpose.ENTRY)[5:] == []
    scene.oblige()
    scene.wait(MINUTE_MS)
    record = scene.forecast()
    assert (record.verdict, told(record)) == (Verdict.HOLD, ("edge holds",))
    assert scene.held() == 5


def test_an_entry_that_got_nothing_leaves_nothing_behind() -> None:
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    for _ in range(5):
        entry = sent(scene.seen)[-1]
        scene.report(entry.client_id, OrderStatus.CANCELED)
        scene.wait(1_000)
    assert scene.held() == 0
    assert not scene.has_plan()
    assert scene.stops() == []
    scene.wait(MINUTE_MS)
    assert scene.forecast().verdict is Verdict.ENTER


# --- how much ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("win", "expected"),
    [
        (0.40, risked(0.40) / 0.2),  # near break-even a larger edge is a larger bet
        (0.37, risked(0.37) / 0.2),
        (0.70, 0.10 / 2 / 0.2),  # never above 10 % of equity at risk
    ],
)
def test_kelly_ranks_what_no_cap_decides(win: float, expected: float) -> None:
    scene = a_scene({"sizing": {"position_notional_cap_frac": 5.0}})
    record = scene.forecast(win=win, context=WIDE)
    assert record.verdict is Verdict.ENTER, told(record)
    assert float(quantity(record)) == pytest.approx(expected * 10_000 / BUY_PRICE, abs=2e-5)
    assert told(record) == ("bollinger_extreme", "rsi_extreme", "impact 0.0bp")


def test_a_drifted_model_trades_half_the_size_and_says_why() -> None:
    scene = a_scene()
    moved = because(Code.FEATURE_DRIFT, share=0.21, most=0.2)
    scene.hear(ModelWatched(health=ModelHealth("model-1", HealthAction.SHRINK, (moved,))))
    record = scene.forecast()
    assert float(quantity(record)) == pytest.approx(capped(0.25) / 2, abs=1e-5)
    assert told(record)[2:] == ("position_notional", "half size: feature_drift 21%>20%", "impact 0.0bp")


def test_exposure_makes_the_next_one_smaller() -> None:
    """20 % of equity is held in one coin, of a limit of 90 %: the next risks 1 - 2/9 of its bet."""
    scene = a_scene(
        {
            "sizing": {"position_notional_cap_frac": 0.2, "expected_positions": 1},
            "execution": {"protected_market_frac": 0.0},
        },
        instruments=coins("BTC", "XRP"),
    )
    scene.enter(symbol="BTC/USDT")
    worth = scene.equity.equity
    by_exposure = 1 - float(scene.held("BTC/USDT")) * 100.0 / (0.9 * worth)
    record = scene.forecast(symbol="XRP/USDT", win=0.37, context=WIDE)
    expected = risked(0.37, by_exposure=by_exposure) * worth / (100.01 * 0.2)
    assert float(quantity(record)) == pytest.approx(expected, abs=2e-5)


def test_an_entry_under_way_counts_as_exposure() -> None:
    scene = a_scene(
        {
            "sizing": {"position_notional_cap_frac": 0.2, "expected_positions": 1},
            "execution": {"protected_market_frac": 0.0},
        },
        instruments=coins("BTC", "XRP"),
    )
    first = scene.forecast(symbol="BTC/USDT")
    by_exposure = 1 - float(quantity(first)) * 100.0 / 9_000
    record = scene.forecast(symbol="XRP/USDT", win=0.37, context=WIDE)
    expected = risked(0.37, by_exposure=by_exposure) * 10_000 / (100.01 * 0.2)
    assert float(quantity(record)) == pytest.approx(expected, abs=2e-5)


@pytest.mark.parametrize("is_filled", [True, False])
def test_all_stops_together_risk_at_most_the_portfolios_share(is_filled: bool) -> None:
    """6 % of equity at risk in all. What the first one leaves of it, filled or not, is the second's."""
    scene = a_scene(
        {
            "sizing": {"portfolio_risk_frac": 0.06, "position_notional_cap_frac": 0.5, "expected_positions": 1},
            "risk": {"max_order_notional_frac": 1.0},
        },
        instruments=coins("BTC", "XRP"),
    )
    first = scene.forecast(symbol="BTC/USDT", context=WIDE)
    assert told(first)[2] == "impact 0.0bp"
    if is_filled:
        scene.oblige()
        scene.tick()
    stop_price = scene.plan("BTC/USDT").stop_price if is_filled else 0.0
    price = 100.0 - stop_price if is_filled else 100.0 * 0.2  # both from the price of now
    left = 0.06 * scene.equity.equity - float(quantity(first)) * price
    record = scene.forecast(symbol="XRP/USDT", context=WIDE)
    assert told(record)[2] == "portfolio_risk"
    assert float(quantity(record)) == pytest.approx(left / (0.2 + 0.06 * FEE) / BUY_PRICE, abs=2e-5)


def test_the_portfolios_risk_is_capped_at_a_fifth_whatever_is_configured() -> None:
    scene = a_scene(
        {
            "sizing": {
                "portfolio_risk_frac": 1.0,
                "cap_frac": 1.0,
                "kelly_fraction": 1.0,
                "position_notional_cap_frac": 5.0,
            },
            "risk": {"max_order_notional_frac": 5.0, "correlated_exposure_frac": 1.0, "widest_stop_frac": 0.5},
        }
    )
    record = scene.forecast(win=0.99, context=a_context(rsi_14=29.0, bb_position=0.02, hist_vol_20=0.3, atr_14=20.0))
    assert told(record)[2] == "portfolio_risk"
    assert float(quantity(record)) == pytest.approx(2_000 / (0.4 + 0.2 * FEE) / BUY_PRICE, abs=2e-5)


def test_exposure_ends_at_its_limit() -> None:
    scene = a_scene({"sizing": {"exposure_limit_frac": 0.4}}, instruments=coins("BTC", "XRP"))
    scene.enter(symbol="BTC/USDT")
    equity, held = scene.equity.equity, float(scene.held("BTC/USDT")) * 100.0
    record = scene.forecast(symbol="XRP/USDT")
    assert told(record)[2:4] == ("position_notional", "exposure")
    assert float(quantity(record)) == pytest.approx(capped(0.4, equity=equity, used=held), abs=2e-5)


def free_cash(*, is_filled: bool) -> tuple[float, tuple[str, ...], float]:
    """(the second quantity, its reasons, the cash that is free for it) where nothing but cash caps the sizes."""
    scene = a_scene(
        {
            "sizing": {"position_notional_cap_frac": 0.6, "exposure_limit_frac": 5.0},
            "risk": {"max_order_notional_frac": 5.0, "correlated_exposure_frac": 1.0},
        },
        instruments=coins("BTC", "XRP"),
    )
    first = scene.forecast(symbol="BTC/USDT")
    if is_filled:
        scene.oblige()
        scene.tick()
    reserved = float(quantity(first)) * 100.0 * 1.001  # at the price of now, and its fee
    free = float(scene.cash()) if is_filled else 10_000 - reserved
    record = scene.forecast(symbol="XRP/USDT")
    return float(quantity(record)), told(record), free


@pytest.mark.parametrize("is_filled", [True, False])
def test_only_free_cash_is_spent(is_filled: bool) -> None:
    """Half a percent stays, and the fee has to be paid from it too."""
    amount, reasons, free = free_cash(is_filled=is_filled)
    assert reasons[2:4] == ("position_notional", "free_balance")
    assert amount == pytest.approx(free * 0.995 / 1.001 / BUY_PRICE, abs=2e-5)


def test_cash_of_a_sliced_entry_is_spoken_for_before_its_slices_are_sent() -> None:
    scene = a_scene(
        {
            "sizing": {"position_notional_cap_frac": 0.6, "exposure_limit_frac": 5.0},
            "risk": {"max_order_notional_frac": 5.0, "correlated_exposure_frac": 1.0},
            "execution": {"algorithm": "twap"},
        },
        instruments=coins("BTC", "XRP"),
    )
    first = scene.forecast(symbol="BTC/USDT")
    [slice_] = sent(scene.seen)
    assert slice_.quantity * 9 < quantity(first)
    record = scene.forecast(symbol="XRP/USDT")
    assert told(record)[2:4] == ("position_notional", "free_balance")
    free = 10_000 - float(quantity(first)) * 100.0 * 1.001
    assert float(quantity(record)) == pytest.approx(free * 0.995 / 1.001 / 100.01, abs=1e-3)  # slices take the touch


@pytest.mark.parametrize("leverage", [1, 3])
def test_margin_carries_a_multiple(leverage: int) -> None:
    """No cap but the free margin: `leverage` times as much can be held."""
    scene = a_scene(
        {
            "exchange": {"leverage": leverage, "margin_mode": "isolated"},
            "sizing": {"position_notional_cap_frac": 5.0, "exposure_limit_frac": 5.0, "portfolio_risk_frac": 0.2},
            "risk": {"max_order_notional_frac": 5.0, "correlated_exposure_frac": 1.0},
        },
        perpetual=True,
        quote="1000",
    )
    record = scene.forecast(-0.02)
    asked = 0.995 / (1 / leverage + 0.0005)
    if leverage == 3:  # one group may be worth the whole equity, whatever carries it
        assert told(record)[3:5] == ("correlated_exposure", "impact 0.0bp")
        asked = 1 / 1.0005
    else:
        assert told(record)[3:5] == ("correlated_exposure", "free_balance")
    assert float(quantity(record)) == pytest.approx(asked * 1000 / SELL_PRICE, abs=2e-3)


def test_a_short_is_sized_at_what_a_limit_order_asks_and_a_long_at_the_worst_ask() -> None:
    scene = a_scene({"execution": {"protected_market_frac": 0.01}}, perpetual=True)
    assert float(quantity(scene.forecast(-0.02))) == pytest.approx(2_500 / SELL_PRICE / (1 + 0.25 * 0.0005), abs=1e-3)
    scene = a_scene({"execution": {"protected_market_frac": 0.01}}, perpetual=True)
    assert float(quantity(scene.forecast(0.02))) == pytest.approx(
        2_500 / (100.01 * 1.01) / (1 + 0.25 * 0.0005), abs=1e-3
    )


def test_the_wide_short_risks_what_the_wide_long_does() -> None:
    scene = a_scene({"sizing": {"position_notional_cap_frac": 5.0}}, perpetual=True)
    record = scene.forecast(-0.02, win=0.4, context=WIDE_PEAK)
    assert float(quantity(record)) == pytest.approx(risked(0.4) * 10_000 / (SELL_PRICE * 0.2), abs=1e-3)


# --- how --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tick", "urgency", "algorithm"),
    [
        (0.01, "medium", "market"),  # 24.92 base move the price by 5.7 bp on average
        (0.05, "medium", "limit"),  # 28.7 bp
        (0.10, "medium", "twap"),  # 57.4 bp
        (0.05, "low", "twap"),
        (0.10, "high", "limit"),
    ],
)
def test_the_impact_chooses_the_algorithm(tick: float, urgency: str, algorithm: str) -> None:
    scene = a_scene({"execution": {"urgency": urgency}})
    scene.price(100.0, size=2.0, tick=tick)
    record = scene.forecast(0.03)
    assert (record.verdict, record.algorithm) == (Verdict.ENTER, algorithm)
    [order] = sent(scene.seen)
    assert (order.post_only, order.quantity < quantity(record)) == (algorithm == "limit", algorithm == "twap")


def test_a_sliced_entry_wakes_itself() -> None:
    scene = a_scene({"execution": {"algorithm": "twap"}})
    decided = scene.heard_forecast()
    assert [timer.due_ms > scene.now_ms for timer in of(decided, SetTimer)] == [True]
    scene.oblige()
    scene.wait(MINUTE_MS)
    assert len(sent(scene.seen, Purpose.ENTRY)) > 1
