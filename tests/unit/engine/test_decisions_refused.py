"""Forecasts that open nothing: situation -> every reason, in words. Nothing is sent in any of them."""

from collections.abc import Callable

import msgspec
import pytest

from tests.kit.builders import SYMBOL, a_context, a_model, an_instrument
from tests.kit.situations import (
    MINUTE_MS,
    Scene,
    a_scene,
    coins,
    of,
    quantity,
    sent,
    stream,
    told,
)
from trader.domain.decisions import SubmitOrder
from trader.domain.events import CommandName, ModelChanged, ModelWatched, OutcomeLost, StreamState
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import DecisionRecord, HealthAction, ModelHealth, Verdict

BUY_PRICE = 100.01 * 1.003  # sizes fit at the worst a protected market order may pay

ENFORCED = {"model": {"gate": "enforce"}}
WITHOUT_EVIDENCE = msgspec.structs.replace(
    a_model(verdict="observe"),
    reasons=(because(Code.EFFECTIVE_DAYS, days=13, least=30), because(Code.SLOPE_T, slope_t=1.1, least=2)),
)

UNCALIBRATED = because(Code.CALIBRATION_DRIFT, t=-3.4, least=-3.0)
MOVED = because(Code.FEATURE_DRIFT, share=0.31, most=0.25)


def with_command(name: CommandName) -> Scene:
    scene = a_scene()
    scene.command(name)
    return scene


def with_data(state: StreamState) -> Scene:
    scene = a_scene()
    scene.hear(stream(SYMBOL, state, "silence"))
    return scene


def unreconciled() -> Scene:
    scene = Scene()
    scene.live()
    scene.price(100.0)
    scene.hear(ModelChanged(model=a_model()))
    return scene


def entering(**settings: object) -> Scene:
    """An entry was sent a candle ago and nothing of it has traded."""
    scene = a_scene(settings)
    scene.forecast()
    scene.wait(MINUTE_MS)
    return scene


def with_unknown_order() -> Scene:
    """An entry was sent a candle ago and there is no answer."""
    scene = entering()
    [entry] = [submit.approved.intent for submit in of(scene.seen, SubmitOrder)]
    scene.hear(OutcomeLost(client_id=entry.client_id, reason="timeout"))
    return scene


def drifted(action: HealthAction, *reasons: Reason) -> Scene:
    scene = a_scene()
    scene.hear(ModelWatched(health=ModelHealth("model-1", action, reasons)))
    return scene


NOT_NOW: dict[str, tuple[Callable[[], Scene], tuple[str, ...]]] = {
    "the account is not reconciled": (
        unreconciled,
        ("account not reconciled yet", "trading is reducing: equity is not known"),
    ),
    "the daemon shuts down": (lambda: with_command(CommandName.STOP), ("shutting down",)),
    "a person paused": (lambda: with_command(CommandName.PAUSE), ("trading is reducing: paused by command",)),
    "a person killed": (lambda: with_command(CommandName.KILL), ("trading is halted: killed by command",)),
    "the data is stale": (lambda: with_data(StreamState.STALE), ("market data stale: silence",)),
    "the data has a gap": (lambda: with_data(StreamState.GAP), ("market data gap: silence",)),
    "an entry is under way": (entering, ("entry under way",)),
    "an order has no answer": (with_unknown_order, ("entry under way", "an order of unknown outcome")),
    "the model has no evidence": (
        lambda: a_scene(ENFORCED, model=WITHOUT_EVIDENCE),
        ("model only observes (effective_days 13<30, slope_t 1.1<2.0)",),
    ),
    "the model has drifted": (
        lambda: drifted(HealthAction.OBSERVE, UNCALIBRATED, MOVED),
        ("model drifted: calibration_t -3.4<=-3.0, feature_drift 31%>25%",),
    ),
}


@pytest.mark.parametrize("situation", NOT_NOW)
def test_a_good_signal_is_turned_away_while(situation: str) -> None:
    build, reasons = NOT_NOW[situation]
    scene = build()
    if situation == "the account is not reconciled":
        scene.tick()
    before = len(of(scene.seen, SubmitOrder))
    record = scene.forecast()
    assert (record.verdict, told(record)) == (Verdict.SKIP, reasons)
    assert quantity(record) == 0
    assert not record.side
    assert not record.algorithm
    assert not record.parent_id
    assert len(of(scene.seen, SubmitOrder)) == before


def test_every_reason_is_told_at_once_those_of_the_moment_before_those_of_the_signal() -> None:
    scene = a_scene(ENFORCED, model=WITHOUT_EVIDENCE)
    scene.command(CommandName.PAUSE)
    scene.hear(stream(SYMBOL, StreamState.GAP, "silence"))
    record = scene.forecast(0.0005, context=a_context())
    assert told(record) == (
        "trading is reducing: paused by command",
        "market data gap: silence",
        "model only observes (effective_days 13<30, slope_t 1.1<2.0)",
        "edge 5.0bp < needed 22.0bp",
        "no confirmation (bollinger_extreme, rsi_extreme)",
    )


@pytest.mark.parametrize(
    ("gate", "verdict", "is_entered"),
    [("enforce", "observe", False), ("warn", "observe", True), ("enforce", "trade", True), ("warn", "trade", True)],
)
def test_a_model_without_evidence_trades_only_where_the_gate_only_warns(
    gate: str, verdict: str, is_entered: bool
) -> None:
    record = a_scene({"model": {"gate": gate}}, model=a_model(verdict=verdict)).forecast()
    assert (record.verdict is Verdict.ENTER) is is_entered


@pytest.mark.parametrize("action", [HealthAction.NONE, HealthAction.SHRINK])
def test_a_model_that_drifted_a_little_still_opens(action: HealthAction) -> None:
    assert drifted(action, MOVED).forecast().verdict is Verdict.ENTER


@pytest.mark.parametrize(
    ("age_ms", "reasons"),
    [
        (MINUTE_MS + 1, ("forecast is 60 s old",)),
        (10 * MINUTE_MS, ("forecast is 600 s old",)),
    ],
)
def test_a_forecast_older_than_one_candle_is_not_traded(age_ms: int, reasons: tuple[str, ...]) -> None:
    record = a_scene().forecast(age_ms=age_ms)
    assert (record.verdict, told(record)) == (Verdict.SKIP, reasons)


def test_a_forecast_is_traded_for_one_candle() -> None:
    """Exactly so old is the newest there can be just before the next candle closes."""
    assert a_scene().forecast(age_ms=MINUTE_MS).verdict is Verdict.ENTER


def test_how_old_a_forecast_may_be_is_configured() -> None:
    patient = {"strategy": {"max_forecast_age_candles": 2.0}}
    assert a_scene(patient).forecast(age_ms=2 * MINUTE_MS).verdict is Verdict.ENTER
    assert told(a_scene(patient).forecast(age_ms=2 * MINUTE_MS + 1)) == ("forecast is 120 s old",)


def test_without_a_model_or_a_book_there_is_nothing_to_judge_by() -> None:
    scene = Scene()
    scene.live()
    assert told(scene.forecast()) == ("no model",)
    scene.hear(ModelChanged(model=a_model()))
    scene.wait(MINUTE_MS)
    record = scene.forecast()
    assert told(record) == ("no book yet",)
    assert (record.verdict, record.edge_bps, record.cost_bps) == (Verdict.SKIP, 0.0, 0.0)


def test_a_forecast_of_another_model_is_not_judged_by_this_ones_slope() -> None:
    record = a_scene().forecast(model_id="model-0")
    assert (record.verdict, told(record)) == (Verdict.SKIP, ("forecast of model-0, the model is model-1 now",))
    assert record.model_id == "model-0"


def test_a_forecast_whose_inputs_are_missing_names_them() -> None:
    record = a_scene().forecast(0.0, missing=("leader", "peers"))
    assert (record.verdict, told(record)) == (Verdict.SKIP, ("no forecast: leader, peers missing",))


# --- the signal -------------------------------------------------------------------------------------------

BULL = a_context(adx=30.0, close=103.0, ema_9=101.0, ema_21=100.0, ema_cross_age=3.0, rsi_14=55.0)
BEAR = a_context(adx=30.0, close=97.0, ema_9=99.0, ema_21=100.0, ema_cross_age=3.0, rsi_14=45.0)


@pytest.mark.parametrize(
    ("situation", "reasons"),
    [
        # the round trip costs 20 bp of fees and 2 bp of spread
        ({"prediction": 0.0021}, ("edge 21.0bp < needed 22.0bp",)),
        ({"prediction": -0.02}, ("spot cannot short",)),
        ({"prediction": 0.02, "context": a_context()}, ("no confirmation (bollinger_extreme, rsi_extreme)",)),
        (
            {"prediction": 0.02, "context": BEAR},
            ("regime bear_trend wants short", "no confirmation (ma_crossover, rsi_peak)"),
        ),
        (
            {"prediction": -0.001, "context": BULL},
            (
                "edge 10.0bp < needed 22.0bp",
                "spot cannot short",
                "regime bull_trend wants long",
                "no confirmation (ma_crossover, rsi_dip)",
            ),
        ),
        ({"prediction": 0.0}, ("prediction is zero",)),
        ({"prediction": float("nan")}, ("forecast cannot be used: prediction nan is not within -1..1",)),
        ({"prediction": 0.02, "win": 0.1}, ("kelly: no edge at win probability 0.10",)),
    ],
)
def test_a_signal_that_is_none(situation: dict[str, object], reasons: tuple[str, ...]) -> None:
    scene = a_scene()
    record = scene.forecast(**situation)  # type: ignore[arg-type]  # the row names the arguments
    assert (record.verdict, told(record)) == (Verdict.SKIP, reasons)
    assert sent(scene.seen) == []


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (a_model(no_edge=True), "model has no edge over the base rate"),
        (a_model(slope=0.0), "model slope 0.00 is not positive"),
        (a_model(slope=-0.2), "model slope -0.20 is not positive"),
    ],
)
def test_a_model_that_proved_nothing_has_no_edge(model: object, reason: str) -> None:
    record = a_scene(model=model).forecast()  # type: ignore[arg-type]  # a_model makes one
    assert (told(record), record.edge_bps) == ((reason,), 0.0)


def test_the_edge_is_the_prediction_times_the_slope() -> None:
    scene = a_scene(model=a_model(slope=0.1))
    record = scene.forecast(0.02)
    assert told(record) == ("edge 20.0bp < needed 22.0bp",)
    assert record.edge_bps == pytest.approx(20.0)
    assert record.cost_bps == pytest.approx(22.0)


def test_the_least_edge_counts_where_trading_is_cheap() -> None:
    free = an_instrument(maker_fee_frac=0.0, taker_fee_frac=0.0)
    record = a_scene(instruments=[free]).forecast(0.0019)
    assert told(record) == ("edge 19.0bp < needed 20.0bp",)


def test_a_perpetual_pays_funding_over_the_horizon_too() -> None:
    """Fees 10 bp, spread 2 bp, and the usual 1 bp every 8 hours over a horizon of 16."""
    hourly = a_model(timeframe="1h", horizon_candles=16)
    record = a_scene(perpetual=True, model=hourly).forecast(-0.001)
    assert record.cost_bps == pytest.approx(14.0)
    assert a_scene(model=hourly).forecast(0.001).cost_bps == pytest.approx(22.0)  # spot pays none
    dear = a_scene({"strategy": {"assumed_funding_frac": 0.0003}}, perpetual=True, model=hourly)
    assert dear.forecast(-0.001).cost_bps == pytest.approx(18.0)


# --- the size ---------------------------------------------------------------------------------------------


def test_nothing_is_sized_while_the_equity_is_not_known() -> None:
    """A second coin without a price: what is held of it cannot be valued, so nothing can be sized."""
    scene = Scene(instruments=coins("BTC", "ETH"))
    scene.live()
    scene.price(100.0)
    scene.hear(ModelChanged(model=a_model()))
    scene.reconcile(is_startup=True, USDT="10000", ETH="1")
    assert told(scene.forecast()) == ("equity is not known yet",)
    scene.tick()
    scene.wait(MINUTE_MS)
    assert told(scene.forecast()) == ("trading is reducing: equity is not known",)


def test_a_quantity_below_the_exchanges_minimum_is_no_trade_and_says_what_made_it_small() -> None:
    assert told(a_scene(quote="19").forecast()) == ("notional 4.74 below minimum 5 USDT (position_notional)",)


def test_the_most_positions_count_entries_under_way() -> None:
    scene = a_scene({"sizing": {"max_positions": 2}}, instruments=coins("BTC", "XRP", "ADA"))
    scene.enter(symbol="BTC/USDT")
    assert scene.forecast(symbol="XRP/USDT").verdict is Verdict.ENTER  # the second, of which nothing has traded yet
    assert told(scene.forecast(symbol="ADA/USDT")) == ("2 positions open, at most 2",)


def test_a_position_that_is_still_being_bought_counts_once() -> None:
    scene = a_scene({"sizing": {"max_positions": 2}}, instruments=coins("BTC", "XRP"))
    scene.forecast(symbol="BTC/USDT")
    [entry] = sent(scene.seen)
    scene.fill(entry.client_id, "1")  # partly bought: a plan and an entry under way
    assert scene.forecast(symbol="XRP/USDT").verdict is Verdict.ENTER


def with_a_stop_ten_percent_away(leverage: int, mode: str) -> DecisionRecord:
    scene = a_scene({"exchange": {"leverage": leverage, "margin_mode": mode}}, perpetual=True)
    wide = a_context(rsi_14=71.0, bb_position=0.98, hist_vol_20=0.3, atr_14=5.0)  # 2 ATR = 10 %
    return scene.forecast(-0.02, context=wide)


def test_a_stop_that_would_come_after_the_liquidation_is_no_stop() -> None:
    record = with_a_stop_ten_percent_away(8, "isolated")
    assert record.verdict is Verdict.SKIP
    assert told(record)[0] == "at leverage 8 a stop 10.0% away would come after the liquidation"


@pytest.mark.parametrize(("leverage", "mode"), [(7, "isolated"), (8, "cross")])
def test_a_stop_before_the_liquidation_is_one(leverage: int, mode: str) -> None:
    record = with_a_stop_ten_percent_away(leverage, mode)
    assert record.verdict is Verdict.ENTER, told(record)


@pytest.mark.parametrize(("mode", "limit"), [("cross", "liquidation"), ("isolated", "free_balance")])
def test_in_cross_margin_a_size_leaves_the_account_alive(mode: str, limit: str) -> None:
    """As if a liquidation left 99 % of the margin: 1 % to the stop, 0.99 x 1.01, and the fee of each unit of 10,000."""
    settings = {
        "exchange": {"leverage": 1, "margin_mode": mode},
        "sizing": {"position_notional_cap_frac": 5.0, "exposure_limit_frac": 5.0},
        "risk": {"liquidation_loss_frac": 0.011, "correlated_exposure_frac": 1.0, "max_order_notional_frac": 5.0},
    }
    record = a_scene(settings, perpetual=True).forecast(-0.02, win=0.99)
    assert limit in told(record), told(record)


def test_how_near_to_its_liquidation_a_stop_may_be_is_configured() -> None:
    settings = {"exchange": {"leverage": 8, "margin_mode": "isolated"}, "risk": {"liquidation_loss_frac": 0.9}}
    wide = a_context(rsi_14=71.0, bb_position=0.98, hist_vol_20=0.3, atr_14=5.0)  # 2 ATR = 10 %
    assert a_scene(settings, perpetual=True).forecast(-0.02, context=wide).verdict is Verdict.ENTER


# --- impact and company -----------------------------------------------------------------------------------

THIN = 2.0  # base per level, 5 bp apart: 24.92 base move the price by 28.70 bp on average


@pytest.mark.parametrize(
    ("algorithm", "prediction", "reason"),
    [
        ("auto", 0.0050, "edge 50.0bp < 50.7bp with impact"),  # a limit order: only the way out, half on average
        ("auto", 0.0051, None),
        ("market", 0.0079, "edge 79.0bp < 79.4bp with impact"),  # both ways in full
        ("market", 0.0080, None),
        # ten slices of 2.49: 0.49 of it 5 bp further, so 1 bp on average, both ways
        ("twap", 0.00239, "edge 23.9bp < 24.0bp with impact"),
        ("twap", 0.00240, None),
    ],
)
def test_the_edge_is_asked_again_with_the_impact_of_the_quantity(
    algorithm: str, prediction: float, reason: str | None
) -> None:
    scene = a_scene({"execution": {"algorithm": algorithm}})
    scene.price(100.0, size=THIN, tick=0.05)
    record = scene.forecast(prediction)
    if reason is None:
        assert record.verdict is Verdict.ENTER, told(record)
        assert told(record)[-1] == ("impact 28.8bp" if algorithm == "twap" else "impact 28.7bp")
    else:
        assert (record.verdict, told(record)) == (Verdict.SKIP, (reason,))
        assert sent(scene.seen) == []


@pytest.mark.parametrize(
    ("algorithm", "size", "bought", "reasons"),
    [
        ("auto", 1.0, 24.92, ("beyond_book", ())),  # 20 are shown: ten slices of 2.49, each less than a fifth of them
        ("auto", 0.5, 20.0, ("beyond_book", ("book_depth",))),  # ten slices of a fifth of 10
        ("market", 0.5, 10.0, ("beyond_book", ("book_depth",))),  # all that is shown
        ("limit", 0.5, 10.0, ("beyond_book", ("book_depth",))),
    ],
)
def test_a_book_thinner_than_the_size_means_slices_or_a_smaller_order(
    algorithm: str, size: float, bought: float, reasons: tuple[str, tuple[str, ...]]
) -> None:
    scene = a_scene({"execution": {"algorithm": algorithm}})
    scene.price(100.0, size=size)
    record = scene.forecast(0.02)
    assert record.verdict is Verdict.ENTER, told(record)
    assert float(quantity(record)) == pytest.approx(bought, abs=0.01)
    assert record.algorithm == ("twap" if algorithm == "auto" else algorithm)
    assert record.reasons[-1].code == reasons[0]
    assert tuple(text for text in told(record) if text == "book_depth") == reasons[1]


def test_a_book_that_holds_next_to_nothing_means_no_order_and_says_so() -> None:
    """20 levels of 0.001: ten slices of a fifth of 0.02 base are 4 USDT, less than the exchange takes."""
    scene = a_scene()
    scene.price(100.0, size=0.001)
    record = scene.forecast(0.02)
    assert (record.verdict, sent(scene.seen)) == (Verdict.SKIP, [])
    assert told(record) == ("notional 4.00 below minimum 5 USDT (position_notional, book_depth)",)


def test_a_resting_order_pays_the_makers_fee_and_at_most_the_impact_that_would_be_split() -> None:
    """Perpetual: 2 + 5 bp of fees, 2 bp of spread, 2 bp of funding; impact 86 bp counts as 50, half on average."""
    hourly = a_model(timeframe="1h", horizon_candles=16)
    scene = a_scene({"execution": {"algorithm": "limit"}}, perpetual=True, model=hourly)
    scene.price(100.0, size=2.0, tick=0.15)
    record = scene.forecast(-0.0058)
    assert told(record) == ("edge 58.0bp < 61.0bp with impact",)
    scene.wait(MINUTE_MS)
    assert scene.forecast(-0.0062).verdict is Verdict.ENTER


def correlated(limit: float = 0.5, *bases: str) -> Scene:
    settings = {"risk": {"correlated_exposure_frac": limit}}
    scene = a_scene(settings, instruments=coins(*(bases or ("BTC", "ETH", "XRP"))))
    scene.enter(symbol="BTC/USDT")
    return scene


def test_what_moves_together_is_capped_together() -> None:
    """BTC and ETH are one group as long as nothing is measured: 24.9 % each, at most 49 %."""
    record = correlated(0.49).forecast(symbol="ETH/USDT")
    assert (record.verdict, told(record)[2:4]) == (Verdict.ENTER, ("position_notional", "correlated_exposure"))
    scene = correlated(0.49)
    left = 0.49 * scene.equity.equity - float(scene.held("BTC/USDT")) * 100.0
    asked = float(scene.forecast(symbol="ETH/USDT").quantity or 0) * BUY_PRICE
    assert asked * (1 + 0.49 * 0.001) == pytest.approx(left, abs=2e-3)  # the fee comes off the equity
    full = correlated(0.2492)
    full.price(103.0, "BTC/USDT")
    record = full.forecast(symbol="ETH/USDT")
    assert record.verdict is Verdict.SKIP
    assert told(record)[0].endswith("(position_notional, correlated_exposure)")


def test_what_does_not_move_together_is_not() -> None:
    assert correlated(0.49).forecast(symbol="XRP/USDT").verdict is Verdict.ENTER
    assert correlated(0.50).forecast(symbol="ETH/USDT").verdict is Verdict.ENTER


def test_an_entry_under_way_belongs_to_its_group_already() -> None:
    scene = a_scene({"risk": {"correlated_exposure_frac": 0.49}}, instruments=coins("BTC", "ETH"))
    scene.forecast(symbol="BTC/USDT")
    assert "correlated_exposure" in told(scene.forecast(symbol="ETH/USDT"))


def test_a_symbol_alone_is_a_group_of_its_own() -> None:
    record = a_scene({"risk": {"correlated_exposure_frac": 0.2}}).forecast()
    assert "correlated_exposure" in told(record)
    assert float(record.quantity or 0) == pytest.approx(2_000 / BUY_PRICE / (1 + 0.2 * 0.001), abs=1e-5)


def test_a_candle_is_decided_once() -> None:
    scene = a_scene()
    assert scene.forecast(0.0).verdict is Verdict.SKIP
    assert scene.heard_forecast(0.02) == []
    assert scene.heard_forecast(0.02, age_ms=MINUTE_MS) == []  # an older one comes late
    scene.wait(MINUTE_MS)
    assert scene.forecast(0.02).verdict is Verdict.ENTER


def test_symbols_are_judged_each_for_itself() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.hear(stream("BTC/USDT", StreamState.STALE, "silence"))
    assert scene.forecast(symbol="BTC/USDT").verdict is Verdict.SKIP
    assert scene.forecast(symbol="XRP/USDT").verdict is Verdict.ENTER
