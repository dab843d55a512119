"""When a symbol is left alone for a while: after a stop, after a row of them, after trades that lost.

Locks are read from the closed trades each time, so that nothing but the trades has to survive a restart.
"""

import math
from collections.abc import Sequence

import msgspec

from trader.config.locks import LockScope, LocksSettings
from trader.domain.decisions import ClosedTrade
from trader.domain.reasons import Code, Reason, because


class Lock(msgspec.Struct, frozen=True):
    """Nothing is opened before `until_ms`."""

    until_ms: int
    reason: Reason


def locks_on(
    symbol: str, trades: Sequence[ClosedTrade], now_ms: int, candle_ms: int, settings: LocksSettings
) -> tuple[Lock, ...]:
    """Every lock on `symbol` now. `trades` of all symbols, oldest first."""
    recent = _recent(trades, now_ms, candle_ms, settings)
    own = [trade for trade in recent if trade.symbol == symbol]
    found = (
        _cooldown(own, now_ms, candle_ms, settings),
        _stop_guard(own if settings.stop_guard_scope is LockScope.SYMBOL else recent, now_ms, candle_ms, settings),
        _loss_guard(own, now_ms, candle_ms, settings),
    )
    return tuple(lock for lock in found if lock is not None)


def _recent(trades: Sequence[ClosedTrade], now_ms: int, candle_ms: int, settings: LocksSettings) -> list[ClosedTrade]:
    """Those that any lock of now can come from, oldest first."""
    guards = (
        settings.stop_guard_window_candles + settings.stop_guard_lock_candles if settings.stop_guard_stops else 0,
        settings.loss_guard_window_candles + settings.loss_guard_lock_candles if settings.loss_guard_trades else 0,
    )
    since_ms = now_ms - max(settings.cooldown_candles, *guards) * candle_ms
    found = []
    for trade in reversed(trades):
        if trade.closed_ms <= since_ms:
            break
        found.append(trade)
    return found[::-1]


def _cooldown(own: Sequence[ClosedTrade], now_ms: int, candle_ms: int, settings: LocksSettings) -> Lock | None:
    stopped_ms = max((trade.closed_ms for trade in own if trade.reason.is_stop), default=None)
    if stopped_ms is None:
        return None
    until_ms = stopped_ms + settings.cooldown_candles * candle_ms
    return _lock(until_ms, now_ms, because(Code.COOLDOWN, left=_left(until_ms, now_ms, candle_ms)))


def _stop_guard(counted: Sequence[ClosedTrade], now_ms: int, candle_ms: int, settings: LocksSettings) -> Lock | None:
    """The newest stop that was the last of enough of them."""
    most, window_ms = settings.stop_guard_stops, settings.stop_guard_window_candles * candle_ms
    stopped = [trade.closed_ms for trade in counted if trade.reason.is_stop and trade.profit_quote < 0]
    for last in range(len(stopped) - 1, most - 2, -1):
        if most and stopped[last] - stopped[last - most + 1] < window_ms:
            until_ms = stopped[last] + settings.stop_guard_lock_candles * candle_ms
            about = "it is" if settings.stop_guard_scope is LockScope.SYMBOL else "all are"
            left = _left(until_ms, now_ms, candle_ms)
            reason = because(Code.STOP_GUARD, about, stops=most, window=settings.stop_guard_window_candles, left=left)
            return _lock(until_ms, now_ms, reason)
    return None


def _loss_guard(own: Sequence[ClosedTrade], now_ms: int, candle_ms: int, settings: LocksSettings) -> Lock | None:
    """By the newest trade and those in the window before it: one that makes up for the others ends the lock."""
    if not own or not settings.loss_guard_trades:
        return None
    newest_ms = own[-1].closed_ms
    counted = [t for t in own if newest_ms - t.closed_ms < settings.loss_guard_window_candles * candle_ms]
    returned = sum(trade.return_frac for trade in counted)
    if len(counted) < settings.loss_guard_trades or returned >= settings.loss_guard_return_frac:
        return None
    until_ms = newest_ms + settings.loss_guard_lock_candles * candle_ms
    reason = because(
        Code.LOSS_GUARD,
        trades=len(counted),
        window=settings.loss_guard_window_candles,
        return_frac=returned,
        left=_left(until_ms, now_ms, candle_ms),
    )
    return _lock(until_ms, now_ms, reason)


def _lock(until_ms: int, now_ms: int, reason: Reason) -> Lock | None:
    return Lock(until_ms, reason) if now_ms < until_ms else None


def _left(until_ms: int, now_ms: int, candle_ms: int) -> int:
    return math.ceil((until_ms - now_ms) / candle_ms)
