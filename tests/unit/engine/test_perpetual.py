"""Perpetuals in the core: shorts, stops that only reduce, funding, liquidations, positions found at the exchange."""

from decimal import Decimal

import pytest

from tests.kit.builders import a_perpetual
from tests.kit.harness import FUNDING_RATE, Harness
from trader.config import Settings
from trader.domain.account import PaymentKind
from trader.domain.decisions import CancelOrder, KeepPayment, Notify, RecordTrade, RequestReconcile, SubmitOrder
from trader.domain.events import CommandName, Ticked
from trader.domain.orders import Purpose, Side
from trader.engine.state.worth import commitments_now
from trader.simulation.records.sim_orders import OrderChanged, SimEvent

HOUR_MS = 3_600_000


def a_harness(**settings: object) -> Harness:
    chosen = Settings.model_validate({"exchange": {"market": "perpetual"}, **settings})
    instrument = a_perpetual()
    harness = Harness(chosen, {instrument.symbol: instrument})
    harness.start()
    return harness


def submitted(harness: Harness, purpose: Purpose) -> list[SubmitOrder]:
    return [s for s in harness.decided(SubmitOrder) if s.approved.intent.purpose is purpose]


def told(harness: Harness) -> list[str]:
    return [notice.event for notice in harness.decided(Notify)]


def test_a_bearish_forecast_opens_a_short_with_a_stop_above_that_only_reduces() -> None:
    harness = a_harness()
    harness.forecast(-0.02)
    assert harness.held < 0
    assert [position.quantity for position in harness.positions()] == [harness.held]
    [(quantity, price)] = harness.stops()
    assert quantity == -harness.held
    assert price is not None
    assert price > 100
    [stop] = submitted(harness, Purpose.STOP)
    assert (stop.approved.intent.side, stop.approved.intent.reduce_only) == (Side.BUY, True)
    [entry] = submitted(harness, Purpose.ENTRY)
    assert not entry.approved.intent.reduce_only
    harness.assert_ledger_equals_exchange()


def test_a_short_is_stopped_out_at_the_exchange_and_counts_as_a_loss() -> None:
    harness = a_harness()
    harness.forecast(-0.02)
    [(_, price)] = harness.stops()
    assert price is not None
    harness.exchange.on_book(harness.symbol, harness.now_ms, ((float(price), 50.0),), ((float(price) + 0.02, 50.0),))
    harness.put(Ticked())
    [trade] = [d.trade for d in harness.decided(RecordTrade)]
    assert (trade.side, trade.reason) == ("sell", "stop")
    assert trade.profit_quote < 0
    assert harness.held == 0
    assert harness.stops() == []
    harness.assert_ledger_equals_exchange()


def test_an_exit_only_reduces_and_leaves_the_stop_in_place_until_the_position_is_gone() -> None:
    harness = a_harness()
    harness.forecast(-0.02)
    guarded: list[bool] = []  # whether, after each trade of the exit, what is left is protected

    def look(event: SimEvent) -> None:
        if isinstance(event, OrderChanged) and event.trade is not None:
            left = sum((-position.quantity for position in harness.positions()), Decimal(0))
            guarded.append(sum((quantity for quantity, _ in harness.stops()), Decimal(0)) >= left)

    harness.exchange.subscribe(look)
    harness.advance(60_000)
    harness.price(99.0, size=4.0)  # too thin for the whole position at once
    harness.forecast(0.02)
    for _ in range(20):
        harness.advance(30_000)
        harness.price(99.0, size=4.0)
        harness.put(Ticked())
    assert harness.held >= 0
    assert all(guarded)
    assert guarded
    exits = [s.approved.intent for s in submitted(harness, Purpose.EXIT)]
    assert {(intent.side, intent.reduce_only) for intent in exits} == {(Side.BUY, True)}
    assert all(s.replaces is None for s in harness.decided(SubmitOrder))
    assert harness.stops() == []
    harness.assert_ledger_equals_exchange()


def test_a_moved_stop_is_placed_beside_the_old_one_which_is_cancelled_once_it_rests() -> None:
    harness = a_harness(risk={"target_at_r": 10.0})  # what the partial exit leaves is still held
    harness.forecast(-0.02)
    [(quantity, first)] = harness.stops()
    resting: list[int] = []
    harness.exchange.subscribe(lambda _event: resting.append(len(harness.stops())))
    for mid in (98.0, 96.0, 95.0):
        harness.advance(1_000)
        harness.price(mid)
        harness.put(Ticked())
    assert min(resting) >= 1
    [(_, moved)] = harness.stops()
    assert first is not None
    assert moved is not None
    assert moved < first
    assert harness.decided(CancelOrder)
    harness.assert_ledger_equals_exchange()
    assert quantity > 0


def test_funding_is_booked_once_as_what_it_is_and_belongs_to_the_trade() -> None:
    harness = a_harness(risk={"losing_time_exit_h": 100.0})
    harness.forecast(-0.02)
    short = -harness.held
    before = harness.engine.state.account.ledger.total("USDT")
    harness.advance(8 * HOUR_MS)
    harness.exchange.on_book(harness.symbol, harness.now_ms, ((99.99, 50.0),), ((100.01, 50.0),))
    for _ in range(2):
        harness.reconcile()
    [payment] = [kept.payment for kept in harness.decided(KeepPayment)]
    assert (payment.kind, payment.symbol) == (PaymentKind.FUNDING, harness.symbol)
    received = (short * 100 * FUNDING_RATE).quantize(payment.amount)  # the rate is positive
    assert payment.amount == received
    assert harness.engine.state.account.ledger.total("USDT") == before + payment.amount
    assert "account.transfer" not in told(harness)
    harness.assert_ledger_equals_exchange()
    harness.restart()
    harness.reconcile()
    assert len(harness.decided(KeepPayment)) == 1
    harness.command(CommandName.FLATTEN)
    [trade] = [d.trade for d in harness.decided(RecordTrade)]
    assert trade.profit_quote == harness.engine.state.account.ledger.total("USDT") - 10_000
    harness.assert_ledger_equals_exchange()


def test_a_liquidation_is_noticed_named_and_booked_to_the_last_digit() -> None:
    harness = a_harness()
    harness.price(100.0, size=500.0)
    harness.trade_by_hand(Side.BUY, "150")
    harness.trade_by_hand(Side.BUY, "250")
    assert harness.held == 0  # nobody has told us
    harness.exchange.on_book(harness.symbol, harness.now_ms, ((70.0, 5_000.0),), ((70.02, 5_000.0),))
    assert harness.positions() == []
    harness.reconcile()
    assert harness.held == 0
    assert told(harness).count("account.manual_trade") == 2
    assert "position.liquidated" in told(harness)
    assert [d.trade.reason for d in harness.decided(RecordTrade)] == ["liquidation"]
    assert "account.transfer" not in told(harness)
    harness.assert_ledger_equals_exchange()
    harness.assert_no_double_orders()


@pytest.mark.parametrize(
    ("policy", "held", "state"), [("adopt", -3, "active"), ("halt", -3, "halted"), ("flatten", 0, "active")]
)
def test_a_position_opened_by_hand_is_answered_as_the_policy_says(policy: str, held: int, state: str) -> None:
    harness = a_harness(risk={"startup_policy": policy})
    harness.trade_by_hand(Side.SELL, "3")
    harness.reconcile()
    assert "account.manual_trade" in told(harness)
    harness.reconcile()
    assert harness.held == held
    assert harness.engine.state.guard.breakers.trading_state == state
    resting = [(quantity, price is not None and price > 100) for quantity, price in harness.stops()]
    assert resting == ([(Decimal(3), True)] if held else [])
    harness.assert_ledger_equals_exchange()


def test_a_ledger_begins_with_the_positions_the_account_has() -> None:
    instrument = a_perpetual()
    harness = Harness(Settings.model_validate({"exchange": {"market": "perpetual"}}), {instrument.symbol: instrument})
    harness.price(100.0)
    harness.trade_by_hand(Side.SELL, "3")
    harness.advance(1_000_000)  # long ago
    harness.start()
    assert "position.unplanned" in told(harness)
    assert harness.held == -3
    [stop] = [s.approved.intent for s in harness.decided(SubmitOrder)]  # and nothing is bought or sold
    assert (stop.purpose, stop.side, stop.quantity) == (Purpose.STOP, Side.BUY, Decimal(3))
    harness.assert_ledger_equals_exchange()


def test_a_restart_goes_on_with_a_short_and_its_stop() -> None:
    harness = a_harness()
    harness.forecast(-0.02)
    held, stops = harness.held, harness.stops()
    harness.restart()
    harness.advance(1_000)
    harness.put(Ticked())
    assert (harness.held, harness.stops()) == (held, stops)
    harness.command(CommandName.FLATTEN)
    assert harness.held == 0
    assert harness.stops() == []
    harness.assert_ledger_equals_exchange()


def test_what_a_position_may_cost_is_its_margin() -> None:
    harness = a_harness(exchange={"market": "perpetual", "leverage": 5})
    state, settings = harness.engine.state, harness.settings
    before = commitments_now(state, settings)
    assert before is not None
    assert before.free == 10_000
    harness.forecast(-0.02)
    value = float(-harness.held) * 100
    fees = 10_000 - float(state.account.ledger.total("USDT"))
    after = commitments_now(state, settings)
    assert after is not None
    assert after.free == pytest.approx(10_000 - fees - value / 5, rel=1e-3)


def test_a_withdrawal_is_named_and_stops_no_trading() -> None:
    harness = a_harness()
    harness.put(Ticked())
    harness.exchange.deposit("USDT", Decimal(-4_000), harness.now_ms)
    harness.reconcile()
    harness.reconcile()
    harness.put(Ticked())
    assert "account.transfer" in told(harness)
    assert harness.engine.state.guard.breakers.trading_state == "active"
    assert harness.engine.state.guard.equity is not None
    assert harness.engine.state.guard.equity.day_start == pytest.approx(6_000)
    harness.assert_ledger_equals_exchange()


def test_a_refused_exit_asks_for_the_truth() -> None:
    harness = a_harness()
    harness.forecast(-0.02)
    harness.fault = lambda order: "refused"
    harness.command(CommandName.FLATTEN)
    assert any("an exit was refused" in asked.reason for asked in harness.decided(RequestReconcile))
