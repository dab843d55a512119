"""People's commands, the breakers, what the account is worth, and which symbols move together."""

import math
from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_model
from tests.kit.situations import DAY_MS, MINUTE_MS, PERPETUAL, Scene, a_scene, coins, notices, of, sent, stream, told
from trader.domain.account import Position
from trader.domain.decisions import (
    AnswerCommand,
    CancelOrder,
    Decision,
    KeepTradingState,
    Level,
    Notify,
    RecordEquity,
    SubmitOrder,
    TradingState,
)
from trader.domain.errors import InvariantBroken
from trader.domain.events import AccountUnreachable, CommandName, ModelChanged, OutcomeLost, StreamState
from trader.domain.orders import OrderStatus, Purpose
from trader.domain.reasons import Code
from trader.domain.signals import Verdict
from trader.service.control.snapshot import snapshot
from trader.service.control.status import MoneyStatus

ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def holding(**settings: object) -> Scene:
    scene = a_scene(settings)
    scene.enter()
    return scene


def changes(decisions: list[Decision]) -> list[tuple[TradingState, tuple[str, ...]]]:
    return [(kept.state, tuple(str(r) for r in kept.reasons)) for kept in of(decisions, KeepTradingState)]


# --- commands ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "answer", "trading"),
    [
        (
            CommandName.PAUSE,
            "paused: nothing new is opened, positions stay protected",
            (REDUCING, ("paused by command",)),
        ),
        (CommandName.RESUME, "resumed", (ACTIVE, ())),
        (CommandName.FLATTEN, "closing 1 positions", (ACTIVE, ())),
        (CommandName.KILL, "halted, closing 1 positions", (HALTED, ("killed by command",))),
        (CommandName.STOP, "stopping", (ACTIVE, ())),
    ],
)
def test_a_command_is_carried_out_answered_and_told(
    name: CommandName, answer: str, trading: tuple[TradingState, tuple[str, ...]]
) -> None:
    scene = holding()
    decided = scene.command(name, "c-7")
    assert of(decided, AnswerCommand) == [AnswerCommand("c-7", answer)]
    [notice] = [n for n in of(decided, Notify) if n.event.startswith("command.")]
    assert (notice.event, notice.level) == (f"command.{name.value}", Level.INFO)
    assert notice.message == f"{answer} (asked by test)"
    assert scene.trading() == trading
    assert changes(decided) == ([trading] if trading[0] is not ACTIVE else [])
    closes = name in (CommandName.FLATTEN, CommandName.KILL)
    assert len(sent(decided, Purpose.FLATTEN)) == closes
    scene.oblige()
    scene.tick()
    assert (scene.held() == 0) is closes
    assert len(scene.stops()) == (not closes)


def test_every_position_is_closed_and_counted() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP", "ADA"))
    for symbol in ("BTC/USDT", "XRP/USDT"):
        scene.enter(symbol=symbol)
    decided = scene.command(CommandName.FLATTEN)
    assert of(decided, AnswerCommand)[0].message == "closing 2 positions"
    assert {order.symbol: order.quantity for order in sent(decided, Purpose.FLATTEN)} == {
        symbol: scene.held(symbol) for symbol in ("BTC/USDT", "XRP/USDT")
    }


def test_a_flat_account_has_nothing_to_close() -> None:
    assert of(a_scene().command(CommandName.FLATTEN), AnswerCommand)[0].message == "closing 0 positions"


@pytest.mark.parametrize("name", [CommandName.FLATTEN, CommandName.KILL, CommandName.STOP])
def test_what_ends_buying_cancels_the_orders_of_entries(name: CommandName) -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}}, instruments=coins("BTC", "XRP"))
    for symbol in scene.instruments:
        scene.forecast(symbol=symbol)
        scene.report(sent(scene.seen)[-1].client_id, OrderStatus.OPEN)
    entries = [order.client_id for order in sent(scene.seen)]
    scene.ignore()
    decided = scene.command(name)
    assert [cancel.ref.client_id for cancel in of(decided, CancelOrder)] == entries
    scene.oblige()
    scene.wait(10 * MINUTE_MS)
    assert len(sent(scene.seen)) == 2
    assert scene.engine.is_settled()


@pytest.mark.parametrize("name", [CommandName.PAUSE, CommandName.RESUME])
def test_what_only_opens_nothing_new_lets_an_entry_finish(name: CommandName) -> None:
    scene = a_scene({"execution": {"algorithm": "limit"}})
    scene.forecast()
    scene.report(sent(scene.seen)[0].client_id, OrderStatus.OPEN)
    assert of(scene.command(name), CancelOrder) == []


def test_shutting_down_keeps_positions_and_their_protection() -> None:
    scene = holding()
    scene.command(CommandName.STOP)
    assert sent(scene.live_on(5_000)) == []
    assert scene.held() > 0
    assert len(scene.stops()) == 1


def test_a_pause_and_a_kill_survive_a_restart_and_end_with_resume() -> None:
    for name, state in ((CommandName.PAUSE, REDUCING), (CommandName.KILL, HALTED)):
        scene = a_scene()
        scene.command(name)
        scene.restart()
        scene.reconcile(is_startup=True)
        scene.tick()
        assert scene.trading()[0] is state
        decided = scene.command(CommandName.RESUME)
        assert changes(decided) == [(ACTIVE, ())]
        scene.restart()
        scene.reconcile(is_startup=True)
        scene.tick()
        assert scene.trading() == (ACTIVE, ())


# --- breakers: situation -> trading state and reasons -----------------------------------------------------


@pytest.mark.parametrize(
    ("measured", "trading"),
    [
        ({}, (ACTIVE, ())),
        ({"errors_last_minute": 30}, (ACTIVE, ())),
        ({"errors_last_minute": 31}, (REDUCING, ("31 errors in a minute, at most 30",))),
        ({"clock_offset_ms": 1000.0}, (ACTIVE, ())),
        ({"clock_offset_ms": 1001.0}, (REDUCING, ("clock +1001 ms from the exchange's, at most 1000 ms",))),
        ({"clock_offset_ms": -1500.0}, (REDUCING, ("clock -1500 ms from the exchange's, at most 1000 ms",))),
    ],
)
def test_what_the_shell_measures_stops_opening(
    measured: dict[str, float], trading: tuple[TradingState, tuple[str, ...]]
) -> None:
    scene = a_scene()
    scene.tick(**measured)
    assert scene.trading() == trading
    scene.tick()
    assert scene.trading() == (ACTIVE, ())  # it clears by itself


def test_stale_data_stops_opening_everywhere_only_when_nothing_is_live() -> None:
    scene = a_scene(instruments=coins("BTC", "XRP"))
    scene.hear(stream("BTC/USDT", StreamState.STALE))
    scene.tick()
    assert scene.trading() == (ACTIVE, ())
    scene.hear(stream("XRP/USDT", StreamState.GAP))
    scene.tick()
    assert scene.trading() == (REDUCING, ("market data is stale",))
    scene.hear(stream("BTC/USDT", StreamState.LIVE))
    scene.tick()
    assert scene.trading() == (ACTIVE, ())


def valued(price: float, **risk: object) -> Scene:
    """50 coins are in the account since the first start, 5,000 USDT beside them: 10,000 at a price of 100."""
    scene = Scene({"risk": risk})
    scene.live()
    scene.price(100.0)
    scene.hear(ModelChanged(model=a_model()))
    scene.reconcile(is_startup=True, USDT="5000", BTC="50")
    scene.tick()
    scene.price(price)
    scene.tick()
    return scene


@pytest.mark.parametrize(
    ("price", "trading"),
    [
        (90.05, (ACTIVE, ())),
        (89.95, (REDUCING, ("daily loss 5.0%, at most 5.0%",))),
        (80.25, (REDUCING, ("daily loss 9.9%, at most 5.0%",))),
        (79.95, (HALTED, ("daily loss 10.0%, at most 10.0%", "daily loss 10.0%, at most 5.0%"))),
    ],
)
def test_the_days_loss_reduces_and_twice_of_it_halts(
    price: float, trading: tuple[TradingState, tuple[str, ...]]
) -> None:
    assert valued(price).trading() == trading


def test_a_new_day_forgives_the_loss_but_not_the_halt() -> None:
    for price, after in ((89.95, ACTIVE), (79.95, HALTED)):
        scene = valued(price)
        scene.wait(DAY_MS)
        scene.tick()
        assert scene.trading()[0] is after
        assert scene.equity.day_start == pytest.approx(5_000 + 50 * price)


@pytest.mark.parametrize(("price", "state"), [(78.6, ACTIVE), (78.4, HALTED)])
def test_the_loss_from_the_peak_halts(price: float, state: TradingState) -> None:
    """Peak at 110: 10,500. 15 % below it are 8,925."""
    scene = valued(110.0, daily_loss_frac=0.5)
    scene.price(price)
    scene.tick()
    trading = (HALTED, ("drawdown 15.0%, at most 15.0%",)) if state is HALTED else (ACTIVE, ())
    assert scene.trading() == trading
    assert scene.equity.peak == pytest.approx(10_500)
    scene.restart()
    scene.price(price)
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.trading() == trading


def test_resume_measures_from_where_it_is() -> None:
    scene = valued(69.0, daily_loss_frac=0.5)
    assert scene.trading()[0] is HALTED
    scene.command(CommandName.RESUME)
    scene.tick()
    assert scene.trading() == (ACTIVE, ())
    scene.price(69.0 - 0.14 * 8_450 / 50)
    scene.tick()
    assert scene.trading() == (ACTIVE, ())
    scene.price(69.0 - 0.1501 * 8_450 / 50)
    scene.tick()
    assert scene.trading()[0] is HALTED


def lose(scene: Scene, *, win: bool = False) -> None:
    """A trade from flat to flat, bought and sold at the touch: a loss of spread and fees, or a gain of 10 %."""
    scene.wait(MINUTE_MS)
    scene.enter()
    scene.command(CommandName.FLATTEN)
    order = sent(scene.seen, Purpose.FLATTEN)[-1]
    scene.fill(order.client_id, price=110.0 if win else None)
    scene.oblige()
    scene.tick()
    assert scene.held() == 0


def test_trades_that_lose_in_a_row_stop_opening() -> None:
    scene = a_scene({"risk": {"consecutive_losses": 3}})
    for _ in range(2):
        lose(scene)
    lose(scene, win=True)  # ends the row
    for _ in range(2):
        lose(scene)
    assert scene.trading() == (ACTIVE, ())
    lose(scene)
    assert scene.trading() == (REDUCING, ("3 losses in a row",))
    scene.wait(MINUTE_MS)
    assert told(scene.forecast()) == ("trading is reducing: 3 losses in a row",)
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.trading() == (REDUCING, ("3 losses in a row",))
    scene.command(CommandName.RESUME)
    assert scene.trading() == (ACTIVE, ())


def test_a_new_day_forgives_the_row_too() -> None:
    scene = a_scene({"risk": {"consecutive_losses": 1}})
    lose(scene)
    assert scene.trading()[0] is REDUCING
    scene.wait(DAY_MS)
    scene.tick()
    assert scene.trading() == (ACTIVE, ())


def test_the_trading_state_is_written_down_when_it_changes_not_with_every_number() -> None:
    scene = valued(89.95)
    scene.price(89.5)
    assert changes(scene.tick()) == []  # a little more lost: the reason's number moved
    assert scene.trading() == (REDUCING, ("daily loss 5.2%, at most 5.0%",))
    decided = scene.tick(errors_last_minute=50)
    assert changes(decided) == [
        (REDUCING, ("daily loss 5.2%, at most 5.0%", "50 errors in a minute, at most 30")),
    ]
    assert changes(scene.tick(errors_last_minute=51)) == []
    scene.price(100.0)
    assert changes(scene.tick()) == [(ACTIVE, ())]


def test_all_reasons_are_named_at_once() -> None:
    scene = valued(89.95)
    scene.command(CommandName.PAUSE)
    scene.hear(AccountUnreachable(reason="closed"), stream(SYMBOL, StreamState.STALE))
    scene.tick(errors_last_minute=99)
    assert scene.trading() == (
        REDUCING,
        (
            "paused by command",
            "daily loss 5.0%, at most 5.0%",
            "account stream is not live",
            "market data is stale",
            "99 errors in a minute, at most 30",
        ),
    )


def test_a_halt_keeps_its_first_reason() -> None:
    scene = valued(79.95)
    scene.command(CommandName.KILL)
    assert scene.trading()[1][0] == "daily loss 10.0%, at most 10.0%"


def test_books_of_ours_that_disagree_halt_and_a_person_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever raises it: nothing new is opened, what is there stays protected, and a restart changes nothing."""
    scene = a_scene()

    def broken(*_: object, **__: object) -> None:
        raise InvariantBroken("two orders of one name")

    monkeypatch.setattr(scene.engine.state.orders.tracker, "intend", broken)
    decided = scene.heard_forecast()
    assert Notify(Level.ALERT, "invariant.broken", "two orders of one name") in decided
    trading = (HALTED, ("invariant broken: two orders of one name",))
    assert changes(decided) == [trading]
    assert of(decided, SubmitOrder) == []
    scene.restart()
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.trading() == trading


# --- what the account is worth ----------------------------------------------------------------------------


def test_equity_is_cash_and_coins_at_the_mid() -> None:
    scene = holding()
    scene.price(104.0)
    scene.tick()
    cash, coins_held = float(scene.cash()), float(scene.cash("BTC"))
    assert scene.equity.equity == pytest.approx(cash + coins_held * 104.0)
    assert scene.equity.cash == pytest.approx(cash)
    assert scene.equity.exposure == pytest.approx(coins_held * 104.0)
    assert scene.equity.ts_ms == scene.now_ms


def test_equity_of_a_margined_account_is_its_wallet_and_what_positions_have_gained() -> None:
    scene = a_scene(perpetual=True)
    scene.enter(-0.02)
    scene.price(96.0)
    scene.tick()
    short = float(-scene.held())
    assert scene.equity.equity == pytest.approx(float(scene.cash()) + short * (99.99 - 96.0))
    assert scene.equity.exposure == pytest.approx(short * 96.0)


def test_what_has_no_price_is_not_valued() -> None:
    """Coins of a symbol without a book would look like a loss: equity stays what it was."""
    scene = Scene(instruments=coins("BTC", "ETH"))
    scene.live()
    scene.price(100.0, "BTC/USDT")
    scene.reconcile(is_startup=True, USDT="1000", BTC="1", ETH="2")
    scene.tick()
    assert scene.trading() == (REDUCING, ("equity is not known",))
    scene.price(50.0, "ETH/USDT")
    scene.tick()
    assert scene.equity.equity == pytest.approx(1_200.0)
    scene.restart()
    scene.price(90.0, "BTC/USDT")
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.equity.equity == pytest.approx(1_190.0)


def test_a_symbol_nothing_is_held_of_needs_no_price() -> None:
    scene = Scene(instruments=coins("BTC", "ETH"))
    scene.live()
    scene.price(100.0, "BTC/USDT")
    scene.reconcile(is_startup=True, USDT="1000", BTC="1")
    scene.tick()
    assert scene.equity.equity == pytest.approx(1_100.0)


def test_a_position_whose_market_has_no_price_yet_counts_at_its_entry_price() -> None:
    scene = Scene(perpetual=True)
    scene.live()
    scene.reconcile(is_startup=True, positions=[Position(PERPETUAL, Decimal(-3), Decimal(95), NOW_MS)], USDT="1000")
    scene.tick()
    assert scene.equity.equity == 1_000.0
    assert scene.trading() == (REDUCING, (f"no price of {PERPETUAL}, of which something is held",))


def test_a_closed_candle_is_a_price_until_there_is_a_book() -> None:
    scene = Scene()
    scene.live()
    scene.candle(100.0)
    scene.reconcile(is_startup=True, USDT="1000", BTC="1")
    assert scene.equity.equity == pytest.approx(1_100.0)
    scene.price(110.0)
    scene.tick()
    assert scene.equity.equity == pytest.approx(1_110.0)


def test_nothing_is_valued_before_the_ledger_is_opened() -> None:
    scene = Scene()
    scene.live()
    scene.price(100.0)
    assert of(scene.tick(), RecordEquity) == []
    assert scene.trading() == (REDUCING, ("equity is not known",))


def test_an_order_without_an_answer_counts_at_its_worst() -> None:
    """25 coins may have been bought at 100.31, above the mid: that much is lost, and fees, and all of it is exposed."""
    scene = a_scene()
    scene.forecast()
    [entry] = sent(scene.seen)
    scene.hear(OutcomeLost(client_id=entry.client_id, reason="timeout"))
    scene.tick()
    assert entry.price is not None
    amount, price = float(entry.quantity), float(entry.price)
    assert scene.equity.equity == pytest.approx(10_000 - amount * (price - 100.0) - amount * price * 0.001)
    assert scene.equity.exposure == pytest.approx(amount * price)
    assert scene.equity.cash == 10_000.0


def test_the_peak_only_rises_and_the_day_starts_at_midnight() -> None:
    scene = valued(110.0)
    scene.price(105.0)
    scene.tick()
    assert scene.equity.peak == pytest.approx(10_500)
    assert scene.equity.day_start == pytest.approx(10_000)
    to_midnight = DAY_MS - scene.now_ms % DAY_MS
    scene.wait(to_midnight - 1)
    scene.tick()
    assert scene.equity.day_start == pytest.approx(10_000)
    scene.wait(1)
    scene.tick()
    assert scene.equity.day_start == pytest.approx(10_250)
    assert scene.equity.peak == pytest.approx(10_500)


def test_equity_is_recorded_once_a_minute() -> None:
    scene = a_scene()
    assert len(of(scene.seen, RecordEquity)) == 1
    for wait_ms, count in ((59_999, 0), (1, 1), (30_000, 0), (30_000, 1)):
        scene.wait(wait_ms)
        assert len(of(scene.tick(), RecordEquity)) == count
    [last] = of(scene.seen, RecordEquity)[-1:]
    assert last.snapshot == scene.equity


def test_a_peak_is_written_down_when_it_would_move_a_limit() -> None:
    """Every 0.1 %: after a restart the drawdown is measured from nearly the true peak."""
    scene = valued(100.0)
    for price in (100.2, 100.5, 103.0):
        scene.price(price)
        scene.tick()
    scene.restart()
    scene.price(103.0)
    scene.reconcile(is_startup=True)
    scene.tick()
    assert scene.engine.state.guard.breakers.peak == pytest.approx(5_000 + 50 * 103.0, rel=0.001)


def test_peaks_that_creep_up_are_written_down_too() -> None:
    scene = valued(100.0)
    for step in range(1, 101):
        scene.price(100.0 + step * 0.05)  # 0.025 % of the account each
        scene.tick()
    scene.restart()
    scene.reconcile(is_startup=True)
    assert scene.engine.state.guard.breakers.peak == pytest.approx(10_250, rel=0.001)


# --- what a person is told --------------------------------------------------------------------------------


def shown(scene: Scene) -> MoneyStatus:
    """The money of `trader status`."""
    state = scene.engine.state
    status = snapshot(scene.settings, state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0)
    assert status.money is not None
    assert (status.trading_state, status.trading_reasons) == scene.trading()
    return status.money


def test_status_and_breakers_measure_from_the_same_after_a_resume() -> None:
    scene = valued(120.0)
    scene.price(80.0)
    scene.tick()
    halted = shown(scene)
    assert (halted.peak, halted.day_start) == pytest.approx((11_000, 10_000))
    assert scene.trading()[0] is HALTED
    scene.command(CommandName.RESUME)
    for price in (80.0, 82.0):
        scene.price(price)
        decided = scene.tick()
        state = scene.engine.state.guard.breakers
        assert (shown(scene).peak, shown(scene).day_start) == (state.peak, state.day_start)
    assert (state.peak, state.day_start) == pytest.approx((9_100, 9_000))
    assert shown(scene).drawdown_frac == 0
    assert of(decided, RecordEquity) == []
    recorded = of(scene.seen, RecordEquity)[-1].snapshot  # the ledger has been told at once
    assert (recorded.peak, recorded.day_start) == pytest.approx((9_000, 9_000))


# --- correlation ------------------------------------------------------------------------------------------


def with_candles(bases: tuple[str, ...], paths: dict[str, list[float]], *, frac: float = 0.49) -> Scene:
    """Candles of all symbols, the first symbol's last: its close brings the correlations up to date."""
    scene = a_scene({"risk": {"correlated_exposure_frac": frac, "correlation_candles": 40}}, instruments=coins(*bases))
    for row in range(len(next(iter(paths.values())))):
        scene.wait(MINUTE_MS)
        for base in reversed(bases):
            scene.candle(paths[base][row], f"{base}/USDT")
    for base in bases:
        scene.price(100.0, f"{base}/USDT")
    return scene


WAVE = [100 + 3 * math.sin(i) for i in range(41)]
OTHER = [100 + 3 * math.sin(2.7 * i + 1) for i in range(41)]


def capped_together(scene: Scene, first: str, second: str) -> bool:
    """Whether the second entry is cut to what the first one leaves of 49 %, or not at all."""
    scene.enter(symbol=f"{first}/USDT")
    record = scene.forecast(symbol=f"{second}/USDT")
    assert record.verdict is Verdict.ENTER
    return Code.CAP_CORRELATED in [reason.code for reason in record.reasons]


def test_coins_that_were_seen_to_move_together_are_capped_together() -> None:
    together = with_candles(("XRP", "ADA"), {"XRP": WAVE, "ADA": [2 * close for close in WAVE]})
    assert capped_together(together, "XRP", "ADA")
    apart = with_candles(("XRP", "ADA"), {"XRP": WAVE, "ADA": OTHER})
    assert not capped_together(apart, "XRP", "ADA")


def test_what_is_measured_counts_more_than_the_usual_groups() -> None:
    """BTC and ETH are one group unless they were seen to move apart."""
    apart = with_candles(("BTC", "ETH"), {"BTC": WAVE, "ETH": OTHER})
    assert not capped_together(apart, "BTC", "ETH")
    unseen = with_candles(("BTC", "ETH"), {"BTC": WAVE[:30], "ETH": OTHER[:30]})  # 29 returns are too few
    assert capped_together(unseen, "BTC", "ETH")


def test_only_the_newest_candles_count() -> None:
    """For 40 candles they have moved together, before that apart."""
    scene = with_candles(("XRP", "ADA"), {"XRP": WAVE + WAVE, "ADA": OTHER + [2 * close for close in WAVE]})
    assert capped_together(scene, "XRP", "ADA")


def test_it_does_not_matter_whose_candle_comes_first() -> None:
    scene = a_scene(
        {"risk": {"correlated_exposure_frac": 0.49, "correlation_candles": 40}}, instruments=coins("XRP", "ADA")
    )
    for close in WAVE:
        scene.wait(MINUTE_MS)
        scene.candle(close, "XRP/USDT")
        scene.candle(close, "ADA/USDT")
    for symbol in scene.instruments:
        scene.price(100.0, symbol)
    assert capped_together(scene, "XRP", "ADA")


# --- the rate of orders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("speed", [1.0, 5.0])
def test_orders_of_the_last_real_minute_are_counted(speed: float) -> None:
    scene = a_scene({"risk": {"max_orders_per_minute": 2}}, instruments=coins("XRP", "ADA", "SOL"), speed=speed)
    for symbol in ("XRP/USDT", "ADA/USDT"):
        scene.enter(symbol=symbol)  # one entry each; protective stops do not count
    decided = scene.heard_forecast(symbol="SOL/USDT")
    [refused] = [n for n in of(decided, Notify) if n.event == "order.refused"]
    assert (refused.message, refused.level) == ("2 orders in a minute, at most 2", Level.WARNING)
    scene.wait(round(60_000 * speed))
    assert notices(scene.heard_forecast(symbol="SOL/USDT")) == ["order.refused"]
    scene.wait(round(60_000 * speed) + 1)
    assert sent(scene.heard_forecast(symbol="SOL/USDT"), Purpose.ENTRY)


def test_exits_are_never_held_back_by_the_rate() -> None:
    scene = a_scene({"risk": {"max_orders_per_minute": 1}})
    scene.enter()
    assert len(sent(scene.command(CommandName.FLATTEN), Purpose.FLATTEN)) == 1
