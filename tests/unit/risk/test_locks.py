"""Locks: after a stop, after a row of stops, after trades that lost; all of them read from the closed trades."""

from decimal import Decimal
from typing import Any

import pytest

from trader.config.locks import LocksSettings
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.risk.locks import Lock, locks_on

MINUTE = 60_000
START = 1_700_000_000_000
OFF: dict[str, Any] = {"cooldown_candles": 0, "stop_guard_stops": 0, "loss_guard_trades": 0}


def a_trade(
    minute: int, profit: str = "-1", reason: CloseReason = CloseReason.STOP, symbol: str = "BTC/USDT"
) -> ClosedTrade:
    """Of 100 in quote, closed `minute` minutes after the start: a profit of 1 is 1 %."""
    return ClosedTrade(
        symbol=symbol,
        side=Side.BUY,
        opened_ms=START,
        closed_ms=START + minute * MINUTE,
        quantity=Decimal(2),
        entry_price=Decimal(50),
        exit_price=Decimal(50),
        profit_quote=Decimal(profit),
        fees_quote=Decimal(0),
        reason=reason,
    )


def found(minute: float, *trades: ClosedTrade, symbol: str = "BTC/USDT", **settings: object) -> tuple[Lock, ...]:
    """The locks at `minute`, of 1m candles, with only what `settings` switch on."""
    now_ms = START + round(minute * MINUTE)
    return locks_on(symbol, trades, now_ms, MINUTE, LocksSettings.model_validate({**OFF, **settings}))


def until(locks: tuple[Lock, ...]) -> list[tuple[str, float]]:
    return [(lock.reason.code, (lock.until_ms - START) / MINUTE) for lock in locks]


# --- cooldown ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("minute", "left"), [(10, 4), (10.5, 4), (11, 3), (13, 1), (13.99, 1), (14, None), (20, None)])
def test_a_stopped_symbol_cools_down_for_so_many_candles(minute: float, left: int | None) -> None:
    locks = found(minute, a_trade(10), cooldown_candles=4)
    assert [lock.reason.numbers["left"] for lock in locks] == ([] if left is None else [left])
    assert until(locks) == ([] if left is None else [("cooldown", 14)])


@pytest.mark.parametrize(
    ("reason", "is_locked"),
    [
        (CloseReason.STOP, True),
        (CloseReason.BREAK_EVEN, True),
        (CloseReason.TRAILING_STOP, True),
        (CloseReason.LIQUIDATION, True),
        (CloseReason.TAKE_PROFIT, False),
        (CloseReason.HORIZON, False),
        (CloseReason.SIGNAL_TURNED, False),
        (CloseReason.FLATTEN, False),
    ],
)
def test_what_is_no_stop_needs_no_cooldown(reason: CloseReason, is_locked: bool) -> None:
    assert bool(found(11, a_trade(10, reason=reason), cooldown_candles=4)) is is_locked


def test_a_cooldown_is_that_of_its_symbol_and_of_its_newest_stop() -> None:
    trades = (a_trade(8), a_trade(10), a_trade(12, reason=CloseReason.HORIZON))
    assert until(found(12, *trades, cooldown_candles=4)) == [("cooldown", 14)]
    assert found(12, *trades, symbol="ETH/USDT", cooldown_candles=4) == ()
    assert found(12, cooldown_candles=4) == ()


# --- the guard of stops -----------------------------------------------------------------------------------

GUARD: dict[str, Any] = {"stop_guard_stops": 3, "stop_guard_window_candles": 10, "stop_guard_lock_candles": 5}


@pytest.mark.parametrize(
    ("minutes", "now", "locked_until"),
    [
        ((1, 5), 6, None),  # too few
        ((1, 5, 10), 10, 15),
        ((1, 5, 10), 14.9, 15),
        ((1, 5, 10), 15, None),
        ((1, 5, 11), 11, None),  # the first is ten candles ago: not within them any more
        ((2, 5, 11), 11, 16),
        ((1, 5, 10, 12), 12, 17),  # from the newest that is the third of its window
        ((1, 5, 10, 24), 14, 15),
    ],
)
def test_so_many_stops_within_a_window_lock(minutes: tuple[int, ...], now: float, locked_until: float | None) -> None:
    trades = [a_trade(minute) for minute in minutes if minute <= now]
    locks = found(now, *trades, **GUARD, stop_guard_scope="symbol")
    assert until(locks) == ([] if locked_until is None else [("stop_guard", locked_until)])


def test_a_later_stop_that_is_not_the_third_of_its_window_leaves_the_lock() -> None:
    guard = {**GUARD, "stop_guard_lock_candles": 20}
    trades = (a_trade(1), a_trade(5), a_trade(10), a_trade(19))
    assert until(found(20, *trades, **guard)) == [("stop_guard", 30)]


def test_only_stops_that_lost_count() -> None:
    others = (a_trade(2, "0"), a_trade(3, "1"), a_trade(4, reason=CloseReason.HORIZON))
    assert found(6, a_trade(1), *others, a_trade(5), **GUARD) == ()
    assert found(6, a_trade(1), *others, a_trade(5), a_trade(6), **GUARD) != ()


@pytest.mark.parametrize(("scope", "locked"), [("all", ["BTC/USDT", "SOL/USDT"]), ("symbol", [])])
def test_the_stops_of_all_symbols_lock_all_or_each_its_own(scope: str, locked: list[str]) -> None:
    trades = (a_trade(1), a_trade(2, symbol="ETH/USDT"), a_trade(3))
    symbols = [
        symbol
        for symbol in ("BTC/USDT", "SOL/USDT")
        if found(4, *trades, symbol=symbol, **GUARD, stop_guard_scope=scope)
    ]
    assert symbols == locked


@pytest.mark.parametrize(("scope", "who"), [("all", "all are"), ("symbol", "it is")])
def test_a_guard_says_what_it_counted(scope: str, who: str) -> None:
    [lock] = found(12, a_trade(1), a_trade(5), a_trade(10), **GUARD, stop_guard_scope=scope)
    assert str(lock.reason) == f"3 stops within 10 candles: {who} locked for 3 more candles"


def test_one_stop_may_be_enough() -> None:
    assert until(found(3, a_trade(1), **{**GUARD, "stop_guard_stops": 1})) == [("stop_guard", 6)]


# --- the guard of losses ----------------------------------------------------------------------------------

LOSSES: dict[str, Any] = {"loss_guard_trades": 2, "loss_guard_window_candles": 10, "loss_guard_lock_candles": 5}
HORIZON = CloseReason.HORIZON


@pytest.mark.parametrize(
    ("profits", "least", "is_locked"),
    [
        (("-1", "0.5"), 0.0, True),  # -1 % and 0.5 %
        (("-1", "1"), 0.0, False),  # together 0: not below
        (("-1", "1"), 0.001, True),
        (("-3", "-3"), -0.06, False),
        (("-3", "-3.1"), -0.06, True),
        (("-9",), 0.0, False),  # too few
    ],
)
def test_trades_that_return_too_little_lock_their_symbol(
    profits: tuple[str, ...], least: float, is_locked: bool
) -> None:
    trades = [a_trade(minute, profit, HORIZON) for minute, profit in enumerate(profits)]
    locks = found(3, *trades, **LOSSES, loss_guard_return_frac=least)
    assert until(locks) == ([("loss_guard", len(profits) - 1 + 5)] if is_locked else [])


def test_losses_are_counted_in_the_window_before_the_newest_trade() -> None:
    assert found(11, a_trade(0, "-5", HORIZON), a_trade(9, "1", HORIZON), **LOSSES) != ()
    assert found(11, a_trade(0, "-5", HORIZON), a_trade(10, "1", HORIZON), **LOSSES) == ()
    assert until(found(14.5, a_trade(5, "-5", HORIZON), a_trade(10, "1", HORIZON), **LOSSES)) == [("loss_guard", 15)]
    assert found(15, a_trade(5, "-5", HORIZON), a_trade(10, "1", HORIZON), **LOSSES) == ()


def test_a_trade_that_makes_up_for_the_others_ends_the_lock() -> None:
    lost = (a_trade(1, "-1", HORIZON), a_trade(2, "-1", HORIZON))
    assert found(3, *lost, **LOSSES) != ()
    assert found(3, *lost, a_trade(3, "2", HORIZON), **LOSSES) == ()


def test_losses_of_others_lock_nothing() -> None:
    others = (a_trade(1, "-1", HORIZON, "ETH/USDT"), a_trade(2, "-1", HORIZON, "ETH/USDT"))
    assert found(3, *others, a_trade(2, "-1", HORIZON), **LOSSES) == ()


def test_what_they_returned_is_told() -> None:
    [lock] = found(3, a_trade(1, "-1", HORIZON), a_trade(2, "0.5", HORIZON), **LOSSES)
    assert str(lock.reason) == "2 trades within 10 candles made -0.50%: locked for 4 more candles"


# --- together ---------------------------------------------------------------------------------------------


def test_every_lock_is_told() -> None:
    settings = {**GUARD, **LOSSES, "stop_guard_stops": 2, "cooldown_candles": 3}
    codes = [lock.reason.code for lock in found(3, a_trade(1), a_trade(2), **settings)]
    assert codes == [Code.COOLDOWN, Code.STOP_GUARD, Code.LOSS_GUARD]


def test_without_anything_switched_on_nothing_locks() -> None:
    assert found(1, *(a_trade(1) for _ in range(20))) == ()


def test_a_trade_without_a_price_returned_nothing() -> None:
    nothing = ClosedTrade(
        "BTC/USDT", Side.BUY, START, START, Decimal(0), Decimal(0), Decimal(0), Decimal(-1), Decimal(0), HORIZON
    )
    assert nothing.return_frac == 0.0
    assert a_trade(0, "-1").return_frac == -0.01


@pytest.mark.parametrize(
    ("settings", "trades"),
    [
        ({"cooldown_candles": 100}, (a_trade(0),)),
        (
            {**GUARD, "stop_guard_window_candles": 60, "stop_guard_lock_candles": 40},
            (a_trade(0), a_trade(30), a_trade(59)),
        ),
        (
            {**LOSSES, "loss_guard_window_candles": 60, "loss_guard_lock_candles": 40},
            (a_trade(0, "-1", HORIZON), a_trade(59, "-1", HORIZON)),
        ),
    ],
)
def test_a_lock_is_found_until_its_last_moment(settings: dict[str, Any], trades: tuple[ClosedTrade, ...]) -> None:
    last = 100 if "cooldown_candles" in settings else 99
    assert found(last - 0.001, *trades, **settings) != ()
    assert found(last, *trades, **settings) == ()
