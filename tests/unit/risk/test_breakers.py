"""When trading shrinks, stops, and goes on."""

import math
from typing import Any

import msgspec
import pytest

from tests.kit.builders import NOW_MS
from trader.config.risk import RiskSettings
from trader.domain.decisions import TradingState
from trader.domain.reasons import Code, because, texts
from trader.risk.breakers import BreakerState, BreakerView, evaluate, halt, pause, resume, trade_closed, transferred

SETTINGS = RiskSettings()
DAY = 86_400_000
ACTIVE, REDUCING, HALTED = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def looked(state: BreakerState, equity: float | None = 1_000.0, now_ms: int = NOW_MS, **view: Any) -> BreakerState:
    return evaluate(state, BreakerView(now_ms, equity, **view), SETTINGS)


START = looked(BreakerState())


def test_it_starts_active() -> None:
    assert (START.trading_state, START.reasons, START.peak, START.day_start) == (ACTIVE, (), 1_000.0, 1_000.0)


@pytest.mark.parametrize(
    ("equity", "trading"), [(951.0, ACTIVE), (950.0, REDUCING), (901.0, REDUCING), (900.0, HALTED)]
)
def test_daily_loss_reduces_and_twice_of_it_halts(equity: float, trading: TradingState) -> None:
    assert looked(START, equity).trading_state is trading


def test_daily_loss_is_forgiven_at_midnight_but_a_halt_is_not() -> None:
    reducing, halted = looked(START, 940.0), looked(START, 890.0)
    assert looked(reducing, 940.0, NOW_MS + DAY).trading_state is ACTIVE
    assert looked(halted, 890.0, NOW_MS + DAY).trading_state is HALTED
    assert looked(halted, 2_000.0).trading_state is HALTED


def test_the_day_is_begun_with_the_first_look_and_again_at_midnight() -> None:
    state = looked(BreakerState(losses_in_a_row=3))
    assert (state.day, state.day_start, state.losses_in_a_row) == (NOW_MS // DAY, 1_000.0, 3)
    state = looked(state, 970.0)
    assert (state.day_start, state.losses_in_a_row) == (1_000.0, 3)
    state = looked(state, 980.0, NOW_MS + DAY)
    assert (state.day, state.day_start, state.losses_in_a_row) == (NOW_MS // DAY + 1, 980.0, 0)
    assert looked(BreakerState(day=0, losses_in_a_row=3), now_ms=DAY).losses_in_a_row == 0


@pytest.mark.parametrize(
    ("equity", "reason"),
    [(940.0, "daily loss 6.0%, at most 5.0%"), (890.0, "daily loss 11.0%, at most 10.0%")],
)
def test_a_daily_loss_is_told_with_its_limit(equity: float, reason: str) -> None:
    assert texts(looked(START, equity).reasons)[0] == reason


def test_a_drawdown_of_exactly_the_limit_halts() -> None:
    today = NOW_MS // DAY
    assert looked(BreakerState(day=today, day_start=850.0, peak=1_000.0), 850.0).trading_state is HALTED
    assert looked(BreakerState(day=today, day_start=850.0, peak=999.9), 850.0).trading_state is ACTIVE


def test_an_account_below_one_of_its_quote_is_guarded_too() -> None:
    start = looked(BreakerState(), 0.5)
    assert looked(start, 0.47).trading_state is REDUCING
    assert looked(start, 0.44).trading_state is HALTED


def test_of_nothing_nothing_can_be_lost() -> None:
    emptied = transferred(START, -1_000.0)
    assert (emptied.day_start, emptied.peak) == (0.0, 0.0)
    assert looked(emptied, 0.0).trading_state is ACTIVE


@pytest.mark.parametrize(
    "view", [{"errors_last_minute": 30}, {"clock_offset_ms": 1_000.0}, {"clock_offset_ms": -1_000.0}]
)
def test_what_is_exactly_at_its_limit_passes(view: dict[str, Any]) -> None:
    assert looked(START, **view).trading_state is ACTIVE


def test_drawdown_over_days_halts() -> None:
    state = START
    for day, equity in enumerate((1_100.0, 1_060.0, 1_020.0, 980.0, 940.0)):
        state = looked(state, equity, NOW_MS + day * DAY)
        assert state.trading_state is ACTIVE
    state = looked(state, 934.0, NOW_MS + 5 * DAY)
    assert state.trading_state is HALTED
    assert str(state.reasons[0]) == "drawdown 15.1%, at most 15.0%"


def test_losses_in_a_row_reduce_until_a_win_or_a_new_day() -> None:
    state = START
    for _ in range(8):
        assert looked(state).trading_state is ACTIVE
        state = trade_closed(state, -1.0)
    assert texts(looked(state).reasons) == ("8 losses in a row",)
    assert looked(trade_closed(state, 5.0)).trading_state is ACTIVE
    assert looked(state, now_ms=NOW_MS + DAY).trading_state is ACTIVE


@pytest.mark.parametrize(
    ("view", "reason"),
    [
        ({"account_is_live": False}, "account stream is not live"),
        ({"data_is_live": False}, "market data is stale"),
        ({"errors_last_minute": 31}, "31 errors in a minute, at most 30"),
        ({"clock_offset_ms": -1_500.0}, "clock -1500 ms from the exchange's, at most 1000 ms"),
        ({"clock_offset_ms": math.nan}, "clock +nan ms from the exchange's, at most 1000 ms"),
    ],
)
def test_data_reasons_come_and_go(view: dict[str, Any], reason: str) -> None:
    state = looked(START, **view)
    assert (state.trading_state, texts(state.reasons)) == (REDUCING, (reason,))
    assert looked(state).trading_state is ACTIVE


@pytest.mark.parametrize("equity", [None, math.nan])
def test_unknown_equity_reduces_and_keeps_what_was_measured(equity: float | None) -> None:
    state = looked(START, equity)
    assert texts(state.reasons) == ("equity is not known",)
    assert state.peak == 1_000.0


def test_what_has_no_price_is_named() -> None:
    state = looked(START, 1_000.0, unpriced=("BTC/USDT", "ETH/USDT"))
    assert texts(state.reasons) == ("no price of BTC/USDT, ETH/USDT, of which something is held",)


def test_pause_and_resume() -> None:
    paused = looked(pause(START))
    assert (paused.trading_state, texts(paused.reasons)) == (REDUCING, ("paused by command",))
    assert looked(resume(paused, 1_000.0)).trading_state is ACTIVE


def test_resume_measures_anew_so_that_it_does_not_halt_again_at_once() -> None:
    halted = looked(START, 800.0)
    assert halted.trading_state is HALTED
    resumed = looked(resume(halted, 800.0), 800.0)
    assert (resumed.trading_state, resumed.peak, resumed.day_start) == (ACTIVE, 800.0, 800.0)
    assert looked(resumed, 719.0).trading_state is HALTED
    later = looked(resume(halted, None), 700.0)
    assert (later.trading_state, later.peak, later.day_start) == (ACTIVE, 700.0, 700.0)


def test_a_kill_halts_with_its_reason_and_the_first_one_stays() -> None:
    killed = looked(halt(halt(START, because(Code.KILLED)), because(Code.INVARIANT_BROKEN, "again")))
    assert (killed.trading_state, texts(killed.reasons)) == (HALTED, ("killed by command",))


def test_all_reasons_are_told() -> None:
    state = looked(pause(halt(START, because(Code.KILLED))), 940.0, account_is_live=False)
    assert len(state.reasons) == 4


def test_no_loss_is_no_trip_even_with_limits_of_zero() -> None:
    strict = SETTINGS.model_copy(update={"daily_loss_frac": 0.0, "drawdown_frac": 0.0})
    state = evaluate(START, BreakerView(NOW_MS, 1_000.0), strict)
    assert state.trading_state is ACTIVE
    assert evaluate(state, BreakerView(NOW_MS, 999.0), strict).trading_state is HALTED


def test_the_state_survives_a_restart() -> None:
    state = trade_closed(looked(pause(START), 970.0), -1.0)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=BreakerState) == state


def test_money_that_leaves_the_account_is_no_loss() -> None:
    state = BreakerState(day=1, day_start=10_000.0, peak=12_000.0)
    moved = transferred(state, -4_000.0)
    assert (moved.day_start, moved.peak) == (6_000.0, 8_000.0)
    assert transferred(BreakerState(), -1.0) == BreakerState()


@pytest.mark.parametrize(("profit", "row"), [(-0.01, 3), (0.0, 0), (0.01, 0)])
def test_only_a_loss_is_one(profit: float, row: int) -> None:
    assert trade_closed(BreakerState(losses_in_a_row=2), profit).losses_in_a_row == row


@pytest.mark.parametrize("equity", [750.0, None])
def test_resume_forgets_all_but_the_day(equity: float | None) -> None:
    tripped = halt(pause(msgspec.structs.replace(looked(START, 890.0), losses_in_a_row=4)), because(Code.KILLED))
    resumed = resume(tripped, equity)
    assert (resumed.is_paused, resumed.halt, resumed.losses_in_a_row) == (False, None, 0)
    assert (resumed.day_start, resumed.peak, resumed.day) == (equity, equity, START.day)


@pytest.mark.parametrize(("amount", "left"), [(-400.0, 600.0), (-999.5, 0.5), (-1_000.5, 0.0), (250.0, 1_250.0)])
def test_what_losses_are_measured_from_moves_with_a_transfer_but_not_below_nothing(amount: float, left: float) -> None:
    moved = transferred(START, amount)
    assert (moved.day_start, moved.peak) == (left, left)
    assert transferred(BreakerState(), amount) == BreakerState()
