"""The engine's life of a position, against the independent simulated exchange."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import SYMBOL, a_book, a_forecast, a_model
from tests.kit.harness import Fault, Harness
from trader.config import Settings
from trader.domain.decisions import KeepOrder, Level, Notify, RecordDecision, RecordExecution, RecordTrade, SubmitOrder
from trader.domain.events import (
    BookUpdated,
    CandleClosed,
    CommandName,
    ForecastMade,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
)
from trader.domain.market import Candle
from trader.domain.orders import OrderStatus, OrderType, Purpose
from trader.domain.reasons import texts
from trader.domain.signals import Verdict
from trader.domain.timers import TimerId, TimerKind
from trader.engine.engine import Engine
from trader.engine.state import EngineState


def entered(settings: Settings | None = None) -> Harness:
    harness = Harness(settings)
    harness.start()
    harness.forecast()
    harness.put(Ticked())
    return harness


def last_record(harness: Harness) -> RecordDecision:
    return harness.decided(RecordDecision)[-1]


def test_a_forecast_becomes_a_filled_and_protected_position() -> None:
    harness = entered()
    record = last_record(harness).record
    assert record.verdict is Verdict.ENTER, record.reasons
    assert record.algorithm == "market"
    assert harness.held > 0
    sellable = harness.instruments[SYMBOL].round_quantity(harness.held)
    assert harness.stops() == [(sellable, Decimal("99.01"))]  # bought at 100.01, 1 % away, on the tick above
    harness.assert_ledger_equals_exchange()


def test_every_order_was_reviewed_and_written_before_it_was_sent() -> None:
    harness = entered()
    for submit in harness.decided(SubmitOrder):
        position = harness.seen.index(submit)
        kept = [d.order.client_id for d in harness.seen[:position] if isinstance(d, KeepOrder)]
        assert submit.approved.intent.client_id in kept


def test_a_forecast_without_its_inputs_decides_nothing_and_is_recorded() -> None:
    harness = Harness()
    harness.start()
    silent = msgspec.structs.replace(
        a_forecast(prediction=0.0, win_probability=0.0, candle_open_ms=harness.now_ms // 60_000 * 60_000 - 60_000),
        missing=("leader", "peers"),
    )
    harness.put(ForecastMade(forecast=silent))
    record = last_record(harness).record
    assert (record.verdict, texts(record.reasons)) == (Verdict.SKIP, ("no forecast: leader, peers missing",))
    assert not harness.decided(SubmitOrder)


def test_a_position_is_kept_through_a_forecast_without_its_inputs() -> None:
    harness = entered()
    held, orders = harness.held, len(harness.decided(SubmitOrder))
    silent = a_forecast(prediction=0.0, candle_open_ms=harness.now_ms // 60_000 * 60_000)
    harness.put(ForecastMade(forecast=msgspec.structs.replace(silent, missing=("leader",))))
    record = last_record(harness).record
    assert (record.verdict, texts(record.reasons)) == (Verdict.HOLD, ("no forecast: leader missing",))
    assert harness.held == held
    assert len(harness.decided(SubmitOrder)) == orders


def test_nothing_is_opened_before_the_account_is_reconciled() -> None:
    harness = Harness()
    harness.put(StreamChanged(symbol=SYMBOL, state=StreamState.LIVE, reason="test"))
    harness.price(100.0)
    harness.engine.state.model.in_use = a_model()
    harness.forecast()
    assert str(last_record(harness).record.reasons[0]) == "account not reconciled yet"
    assert not harness.decided(SubmitOrder)


@pytest.mark.parametrize(
    ("state", "reason"), [(StreamState.STALE, "market data stale"), (StreamState.GAP, "market data gap")]
)
def test_untrustworthy_data_opens_nothing(state: StreamState, reason: str) -> None:
    harness = Harness()
    harness.start()
    harness.put(StreamChanged(symbol=SYMBOL, state=state, reason="silence"))
    harness.forecast()
    assert texts(last_record(harness).record.reasons) == (f"{reason}: silence",)


def test_a_model_without_evidence_opens_nothing_where_the_gate_is_enforced() -> None:
    settings = Settings.model_validate({"model": {"gate": "enforce"}})
    harness = Harness(settings, model=a_model(verdict="observe"))
    harness.start()
    harness.forecast()
    assert last_record(harness).record.verdict is Verdict.SKIP
    assert "model only observes" in str(last_record(harness).record.reasons[0])


def test_a_falling_price_fills_the_resting_stop_once() -> None:
    harness = entered()
    stop_price = float(harness.stops()[0][1] or 0)
    harness.price(stop_price - 0.5)
    harness.advance(60_000)
    assert harness.held == 0
    assert harness.stops() == []
    trade = harness.decided(RecordTrade)[0].trade
    assert trade.reason in ("stop", "exit")
    assert trade.profit_quote < 0
    harness.assert_ledger_equals_exchange()


def test_half_is_closed_at_two_r_and_the_stop_moves_to_break_even() -> None:
    harness = entered()
    bought = harness.held
    plan = harness.engine.state.positions.plans[SYMBOL]
    harness.price(plan.entry_price + 2.05 * plan.r_quote)
    assert float(harness.held) == pytest.approx(float(bought) / 2, rel=0.01)
    remaining, stop_price = harness.stops()[0]
    assert remaining == harness.instruments[SYMBOL].round_quantity(harness.held)
    assert stop_price is not None
    assert float(stop_price) >= plan.entry_price
    assert harness.engine.state.positions.plans[SYMBOL].partial_done
    harness.assert_ledger_equals_exchange()


def test_a_stop_is_never_missing_while_it_moves() -> None:
    harness = entered()
    plan = harness.engine.state.positions.plans[SYMBOL]
    for step in range(1, 40):
        harness.price(plan.entry_price + 0.1 * step * plan.r_quote)
        if harness.held:
            assert len(harness.stops()) == 1, step


def test_the_position_closes_when_the_horizon_ends() -> None:
    harness = entered()
    harness.advance(20 * 60_000)
    harness.put(Ticked())
    assert harness.held == 0
    assert harness.decided(RecordTrade)[0].trade.reason == "horizon"
    assert harness.stops() == []


def test_the_horizon_is_extended_while_the_edge_holds() -> None:
    harness = entered()
    harness.advance(16 * 60_000)
    harness.forecast()
    harness.advance(5 * 60_000)
    harness.put(Ticked())
    assert harness.held > 0


def test_a_signal_against_the_position_closes_it() -> None:
    harness = entered()
    harness.advance(60_000)
    harness.forecast(prediction=-0.02)
    assert last_record(harness).record.verdict is Verdict.EXIT
    assert harness.held == 0


@pytest.mark.parametrize("algorithm", ["limit", "twap"])
def test_the_slower_algorithms_fill_too(algorithm: str) -> None:
    harness = entered(Settings.model_validate({"execution": {"algorithm": algorithm}}))
    for _ in range(40):
        harness.advance(10_000)
        harness.price(100.0)
        harness.price(99.9)
        harness.put(Ticked())
    report = next(r.report for r in harness.decided(RecordExecution) if r.report.purpose == "entry")
    assert report.algorithm == algorithm
    assert report.filled == report.quantity
    assert harness.stops()[0][0] == harness.instruments[SYMBOL].round_quantity(harness.held)
    harness.assert_ledger_equals_exchange()


def test_pause_flatten_kill_and_resume() -> None:
    harness = entered()
    harness.command(CommandName.PAUSE)
    assert harness.held > 0
    assert harness.engine.state.guard.breakers.trading_state == "reducing"
    harness.command(CommandName.FLATTEN)
    assert harness.held == 0
    harness.command(CommandName.KILL)
    assert harness.engine.state.guard.breakers.trading_state == "halted"
    harness.advance(60_000)
    harness.forecast()
    assert last_record(harness).record.verdict is Verdict.SKIP
    harness.command(CommandName.RESUME)
    harness.put(Ticked())
    assert harness.engine.state.guard.breakers.trading_state == "active"
    harness.advance(60_000)
    harness.forecast()
    assert last_record(harness).record.verdict is Verdict.ENTER


def test_a_deposit_is_named_after_it_was_seen_twice() -> None:
    harness = entered()
    harness.engine.state.account.ledger.adjust("USDT", Decimal(-100))  # as if the exchange had 100 more
    harness.reconcile()
    assert not [n for n in harness.decided(Notify) if n.event == "account.transfer"]
    harness.reconcile()
    named = [n for n in harness.decided(Notify) if n.event == "account.transfer"]
    assert len(named) == 1
    assert "100" in named[0].message
    harness.assert_ledger_equals_exchange()


def test_stops_the_exchange_refuses_end_in_closing_the_position() -> None:
    harness = Harness()
    harness.start()
    harness.fault = lambda order: "refused" if order.approved.intent.purpose is Purpose.STOP else None
    harness.forecast()
    for _ in range(2):
        harness.advance(1_000)
    assert harness.held == 0
    assert [n.event for n in harness.decided(Notify) if n.level is Level.ALERT] == ["stop.impossible"]
    stops = [s for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.STOP]
    assert len(stops) == 3
    harness.assert_ledger_equals_exchange()


@pytest.mark.parametrize("fault", ["lost_before", "lost_after"])
def test_an_answer_that_never_came_is_resolved_by_evidence(fault: Fault) -> None:
    harness = Harness()
    harness.start()
    lost: list[str] = []

    def once(order: SubmitOrder) -> Fault | None:
        if lost:
            return None
        lost.append(order.approved.intent.client_id)
        return fault

    harness.fault = once
    harness.forecast()
    order = harness.engine.state.orders.tracker.by_client_id(lost[0])
    assert order is not None
    assert order.status is OrderStatus.UNKNOWN
    harness.advance(60_000)
    harness.forecast()
    assert not [r for r in harness.decided(RecordDecision)[1:] if r.record.verdict is Verdict.ENTER]
    harness.resolve()
    order = harness.engine.state.orders.tracker.by_client_id(lost[0])
    assert order is not None
    assert order.status is (OrderStatus.NOT_PLACED if fault == "lost_before" else OrderStatus.FILLED)
    harness.advance(60_000)
    harness.assert_ledger_equals_exchange()
    entries = [s for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.ENTRY]
    assert len({s.approved.intent.client_id for s in entries}) == len(entries)
    if fault == "lost_after":
        assert harness.stops()[0][0] == harness.instruments[SYMBOL].round_quantity(harness.held)


def test_stop_orders_rest_as_stop_market() -> None:
    harness = entered()
    stops = [s.approved.intent for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is Purpose.STOP]
    assert {intent.type for intent in stops} == {OrderType.STOP_MARKET}


def test_nothing_is_sent_after_a_restart_before_the_account_is_reconciled() -> None:
    harness = entered()
    state = EngineState(harness.settings, harness.instruments, ledger_id="test-ledger")
    state.restore(harness.memory)
    engine = Engine(harness.settings, state)
    sent = []
    for mid in (100.0, 90.0, 110.0):
        for event in (
            BookUpdated(book=a_book(bid=mid - 0.01, ask=mid + 0.01)),
            Ticked(),
            TimerFired(timer=TimerId(TimerKind.EXIT, "x")),
        ):
            sent += [d for d in engine.process(event) if isinstance(d, SubmitOrder)]
    assert sent == []


def test_a_restart_does_not_decide_on_the_same_candle_again() -> None:
    harness = entered()
    harness.restart()
    before, entered_at = len(harness.seen), last_record(harness)
    harness.forecast(-0.05)
    assert harness.decided(RecordDecision)[-1] == entered_at
    assert len(harness.seen) == before
    harness.advance(60_000)
    harness.forecast(-0.05)
    assert last_record(harness).record.verdict is Verdict.EXIT


def test_candles_older_than_the_position_do_not_move_its_stop() -> None:
    harness = entered()
    plan = harness.engine.state.positions.plans[SYMBOL]
    old = Candle(SYMBOL, plan.opened_ms - 60_000, plan.opened_ms, 150.0, 150.0, 150.0, 150.0, 1.0)
    harness.put(CandleClosed(candle=old))
    assert harness.engine.state.positions.plans[SYMBOL].stop_price == plan.stop_price
    newer = Candle(SYMBOL, plan.opened_ms, plan.opened_ms + 60_000, 101.0, 101.0, 101.0, 101.0, 1.0)
    harness.put(CandleClosed(candle=newer))
    assert harness.engine.state.positions.plans[SYMBOL].stop_price > plan.stop_price
