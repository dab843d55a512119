"""Through the crash of 2025-10-10 with twelve positions wanted at every close, spot and perpetual.

The bundled exchange's market and matching, the replay driver, and a model that is sure of a rise all the time: what
stands between it and ruin is the stops, the caps and the breakers.
"""

import os
from collections.abc import Iterator
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec
import pytest

from tests.kit.builders import a_context, a_forecast, a_model
from tests.kit.crash import STEP_MS, CrashMarket, at, cut, worst_falls
from tests.kit.harness import Diary
from trader.clock import SimulatedClock
from trader.config import Settings
from trader.domain.closing import CloseReason
from trader.domain.decisions import (
    Decision,
    KeepTradingState,
    Notify,
    RecordDecision,
    RecordEquity,
    RecordTrade,
    SubmitOrder,
    TradingState,
)
from trader.domain.events import AnyEvent, CandleClosed, ForecastMade, ModelChanged, StreamChanged, StreamState
from trader.domain.orders import Purpose
from trader.domain.reasons import Code, texts
from trader.domain.signals import Verdict
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.runtime.replay import Replay
from trader.simulation.instant import InstantVenue, open_exchange

pytestmark = [
    pytest.mark.recorded,
    pytest.mark.skipif("TRADER_DATA" not in os.environ, reason="TRADER_DATA is not set"),
]

T = TypeVar("T", bound=Decision)
EQUITY = 10_000.0
HISTORY = 300  # candles: enough for the correlations
BEGIN_MS, BEFORE_MS, AFTER_MS = at(20, 55), at(21, 10), at(21, 45)


class Crash:
    """One account on twelve symbols, stops so wide that it is still in when it falls."""

    def __init__(self, folder: Path, kind: str, *, jumps: bool) -> None:
        spot = cut(folder, BEGIN_MS - HISTORY * STEP_MS, at(22, 30))
        symbols = spot if kind == "spot" else [f"{symbol}:USDT" for symbol in spot]
        self.market = CrashMarket(folder, symbols, HISTORY, jumps=jumps)
        listed = {symbol: listing.instrument for symbol, listing in self.market.listings.items()}
        self.listed = listed
        self.settings = Settings.model_validate(
            {
                "exchange": {"market": kind, "symbols": symbols},
                "market": {"timeframe": "5m"},
                "strategy": {"require_confirmation": False},
                # each as large as the caps leave: the crash must meet a full account
                "sizing": {"max_positions": len(symbols), "expected_positions": 1},
                "risk": {"stop_atr": 12.0, "portfolio_vol_target": 10.0},
            }
        )
        self.clock = SimulatedClock(BEGIN_MS)
        leverage = self.settings.exchange.leverage
        exchange = open_exchange(listed, {"USDT": Decimal(int(EQUITY))}, first_ms=1, leverage=leverage)
        venue = InstantVenue(exchange, listed, self.clock)
        self.memory = Diary("crash")
        self.state = EngineState(self.settings, listed, ledger_id="crash")
        self.replay = Replay(Engine(self.settings, self.state), venue, self.clock, self.memory)
        for symbol in listed:
            self.replay.on_market(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="test"))
        self._ranges: dict[str, list[float]] = {symbol: [] for symbol in listed}
        for event in self.market.history():
            self.replay.on_market(event)
            self._ranges[event.candle.symbol].append(event.candle.high - event.candle.low)
        self.replay.put(ModelChanged(model=a_model()))
        self.replay.start()
        self._events = self._with_forecasts()

    def run_until(self, until_ms: int) -> None:
        """What was known before that moment."""
        for event in self._events:
            if event.ts_ms >= until_ms:
                self._events = chain([event], self._events)
                return
            self.replay.run([event])

    def held(self) -> dict[str, float]:
        """What was paid for each position, quote."""
        return {p.symbol: float(abs(p.quantity) * p.entry_price) for p in self.state.account.ledger.positions.values()}

    def of(self, kind: type[T]) -> list[T]:
        """All decisions of that kind so far."""
        return [each for _, each in self.when(kind)]

    def when(self, kind: type[T]) -> list[tuple[int, T]]:
        """The same with the time of each, ms."""
        turns = self.memory.turns
        return [(turn.event.ts_ms, each) for turn in turns for each in turn.decisions if isinstance(each, kind)]

    def _with_forecasts(self) -> Iterator[AnyEvent]:
        """After every candle the model says that it will rise by 3 %."""
        for event in self.market.events(AFTER_MS):
            yield event
            if isinstance(event, CandleClosed):
                candle = event.candle
                past = self._ranges[candle.symbol]
                past.append(candle.high - candle.low)
                context = a_context(
                    close=candle.close, sma_50=candle.close, atr_14=sum(past[-14:]) / 14, hist_vol_20=0.5
                )
                forecast = a_forecast(
                    candle.symbol, prediction=0.03, win_probability=0.7, context=context, candle_open_ms=candle.open_ms
                )
                forecast = msgspec.structs.replace(forecast, candle_close_ms=candle.close_ms)
                yield ForecastMade(forecast=forecast, ts_ms=candle.close_ms)


@pytest.mark.parametrize("jumps", [False, True], ids=["falls", "jumps"])
@pytest.mark.parametrize("kind", ["spot", "perpetual"])
def test_the_crash_costs_no_more_than_the_breaker_and_one_gap(tmp_path: Path, kind: str, jumps: bool) -> None:
    crash = Crash(tmp_path / "candles", kind, jumps=jumps)
    crash.run_until(BEFORE_MS)
    held = crash.held()
    assert len(held) > 8  # of twelve wanted; the caps left no room for the others
    assert sum(held.values()) > EQUITY / 2
    falls = worst_falls(tmp_path / "candles")
    gap = sum(value * falls[symbol.partition(":")[0]] for symbol, value in held.items()) / EQUITY
    crash.run_until(AFTER_MS)

    snapshots = [row.snapshot for row in crash.of(RecordEquity)]
    lost = max(1 - snapshot.equity / snapshot.peak for snapshot in snapshots)
    halts_at = 2 * crash.settings.risk.daily_loss_frac
    assert halts_at < lost < halts_at + gap

    # what was stopped out is told as that, and what is left has its stop at the exchange
    trades = [each.trade for each in crash.of(RecordTrade)]
    asked = {notice.symbol for notice in crash.of(Notify) if notice.event == "exit.asked"}
    assert {trade.reason for trade in trades} == {CloseReason.STOP}
    assert set(held) - set(crash.held()) <= {trade.symbol for trade in trades} <= asked
    for symbol, position in crash.state.account.ledger.positions.items():
        stops = [o for o in crash.state.orders.tracker.open_orders(symbol) if o.intent.purpose is Purpose.STOP]
        assert sum(o.remaining for o in stops) == crash.listed[symbol].round_quantity(abs(position.quantity)), symbol

    # no order was tried for what the stop at the exchange had sold already
    assert [notice.message for notice in crash.of(Notify) if notice.event == "order.refused"] == []

    # nothing was bought once the breaker had spoken, and every close since says why
    halted_ms, halted = next((ms, each) for ms, each in crash.when(KeepTradingState) if is_halt(each))
    assert Code.DAILY_LOSS in {reason.code for reason in halted.reasons}
    assert is_halt(crash.of(KeepTradingState)[-1])
    sent = [(ms, each.approved.intent) for ms, each in crash.when(SubmitOrder)]
    assert [intent for ms, intent in sent if intent.purpose is Purpose.ENTRY and ms > halted_ms] == []
    rows = [each.record for ms, each in crash.when(RecordDecision) if ms > halted_ms]
    assert len(rows) >= 12 * 4
    assert {row.verdict for row in rows} <= {Verdict.SKIP, Verdict.HOLD}
    passed_over = [texts(row.reasons)[0] for row in rows if row.verdict is Verdict.SKIP]
    assert [why for why in passed_over if not why.startswith("trading is halted: daily loss 1")] == []


def is_halt(change: KeepTradingState) -> bool:
    return change.state is TradingState.HALTED
