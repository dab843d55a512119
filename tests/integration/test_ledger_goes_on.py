"""Ledgers of the version before the restructuring go on: protection, entries, exits, orders in doubt, and halts."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.kit.builders import a_forecast
from tests.kit.stored_ledgers import Resumed, StoredLedger, instruments_of, recovered
from trader.domain.decisions import ClosedTrade, Notify, RecordDecision, RecordTrade
from trader.domain.events import CommandName, ForecastMade
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.domain.signals import Verdict
from trader.engine.state import EngineState
from trader.sandbox.market.listing import listing_for

BTC, ETH, SOL, BNB, XRP, ADA = (f"{base}/USDT" for base in ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA"))


def trades_of(engine: Resumed) -> list[ClosedTrade]:
    return [decision.trade for decision in engine.decided(RecordTrade)]


def is_protected(engine: Resumed, symbol: str) -> bool:
    """Resting stops cover the whole of it."""
    held = engine.engine.state.account.ledger.quantity(symbol)
    wanted = engine.instruments[symbol].round_quantity(abs(held))
    return sum((quantity for quantity, _ in engine.stops(symbol)), Decimal(0)) == wanted > 0


def agrees_with_itself(engine: Resumed) -> None:
    """What was written since is what the next start remembers, and what the exchange has."""
    engine.assert_ledger_equals_exchange()
    engine.assert_no_double_orders()
    state = engine.engine.state
    engine.write()
    found = recovered(engine.path)
    again = EngineState(engine.settings, engine.instruments, ledger_id=found.ledger_id)
    again.restore(found)
    assert again.ledger_id == state.ledger_id
    assert again.positions.plans == state.positions.plans
    assert again.orders.algorithms == state.orders.algorithms
    assert again.positions.tickets == state.positions.tickets
    assert again.positions.exits == state.positions.exits
    assert dict(again.account.ledger.balances) == dict(state.account.ledger.balances)
    assert dict(again.account.ledger.dust) == dict(state.account.ledger.dust)
    assert {s: p for s, p in again.account.ledger.positions.items() if not p.is_flat} == {
        s: p for s, p in state.account.ledger.positions.items() if not p.is_flat
    }
    assert (again.guard.breakers.trading_state, again.guard.breakers.reasons) == (
        state.guard.breakers.trading_state,
        state.guard.breakers.reasons,
    )
    assert found.last_seq == engine.memory.last_seq


@pytest.fixture
def entries(tmp_path: Path) -> Resumed:
    """Killed with three entries under way, an exit in slices, and a pause; it has come back."""
    stored = StoredLedger("entries", tmp_path)
    engine = Resumed(stored, instruments_of(stored), now_ms=1_700_000_300_000)
    for symbol in engine.instruments:
        engine.price(103.0 if symbol == BTC else 100.0, symbol)
    engine.restart()
    return engine


def test_orders_in_doubt_are_found_or_known_to_be_absent(entries: Resumed) -> None:
    stored = {order.client_id: order.status for order in entries.remembered.orders}
    doubted = {name for name, status in stored.items() if status in (OrderStatus.PENDING, OrderStatus.UNKNOWN)}
    known = [entries.engine.state.orders.tracker.by_client_id(name) for name in doubted]
    assert {(order.symbol, stored[order.client_id], order.status) for order in known if order is not None} == {
        (BNB, OrderStatus.UNKNOWN, OrderStatus.FILLED),
        (ETH, OrderStatus.PENDING, OrderStatus.NOT_PLACED),
    }
    assert entries.engine.state.account.ledger.quantity(BNB) == Decimal("5.97302100")
    agrees_with_itself(entries)


def test_every_position_is_protected_at_once(entries: Resumed) -> None:
    for symbol in (BTC, ETH, SOL, BNB):
        assert is_protected(entries, symbol), symbol
    assert entries.stops(BTC) == [(Decimal("5.956"), Decimal("101.85"))]
    plan = entries.engine.state.positions.plans[BNB]  # from the ticket that was kept
    assert plan.stop_price == pytest.approx(99.0099)
    assert plan.take_profit_price == pytest.approx(104.0104)


def test_a_candle_that_was_decided_on_is_not_decided_on_again(entries: Resumed) -> None:
    decided = entries.remembered.decided_ms[ADA]
    entries.command(CommandName.RESUME)
    entries.put(ForecastMade(forecast=a_forecast(ADA, prediction=0.03, candle_open_ms=decided)))
    assert entries.decided(RecordDecision) == []
    entries.put(ForecastMade(forecast=a_forecast(ADA, prediction=0.03, candle_open_ms=decided + 60_000)))
    assert entries.last_record().symbol == ADA


def test_a_pause_and_a_drifted_model_hold_until_a_person_resumes(entries: Resumed) -> None:
    assert entries.engine.state.guard.breakers.trading_state == "reducing"
    assert [str(reason) for reason in entries.engine.state.guard.breakers.reasons] == ["paused by command"]
    entries.forecast(symbol=ADA)
    record = entries.last_record()
    assert (record.symbol, record.verdict) == (ADA, Verdict.SKIP)
    assert [str(reason) for reason in record.reasons] == ["trading is reducing: paused by command"]
    entries.command(CommandName.RESUME)
    entries.advance(60_000)
    entries.forecast(symbol=ADA)
    record = entries.last_record()
    assert (record.symbol, record.verdict) == (ADA, Verdict.ENTER), record.reasons
    assert "half size: feature_drift 24%>20%" in [str(reason) for reason in record.reasons]
    agrees_with_itself(entries)


def test_the_slices_of_an_entry_go_on(entries: Resumed) -> None:
    entries.command(CommandName.RESUME)
    for _ in range(30):
        entries.advance(10_000)
        entries.price(100.0, ETH)
    assert entries.engine.state.orders.algorithms == {}
    assert entries.engine.state.positions.tickets == {}
    assert entries.engine.state.account.ledger.quantity(ETH) == Decimal("5.97302100")
    assert is_protected(entries, ETH)
    agrees_with_itself(entries)


def test_an_exit_in_slices_goes_on(entries: Resumed) -> None:
    for _ in range(12):
        entries.advance(10_000)
        entries.price(100.0, XRP)
    assert entries.engine.state.positions.exits == {}
    [trade] = [trade for trade in trades_of(entries) if trade.symbol == XRP]
    assert (str(trade.reason), trade.closed_ms > 1_700_000_300_000) == ("signal turned", True)
    assert trade.profit_quote == Decimal("-1.195420040000000000")  # with what the version before had sold
    agrees_with_itself(entries)


def test_a_stop_that_trails_closes_the_position(entries: Resumed) -> None:
    assert entries.engine.state.guard.breakers.losses_in_a_row == 1
    entries.price(101.8, BTC)
    [trade] = [trade for trade in trades_of(entries) if trade.symbol == BTC]
    assert trade.profit_quote > 0
    assert trade.opened_ms == 1_700_000_061_000
    assert BTC not in entries.engine.state.positions.plans
    assert entries.engine.state.guard.breakers.losses_in_a_row == 0
    agrees_with_itself(entries)


def test_a_resting_entry_is_repriced_and_given_up_in_time(entries: Resumed) -> None:
    entries.command(CommandName.RESUME)
    for _ in range(20):
        entries.advance(10_000)
        entries.price(100.0, SOL)
    assert not [a for a in entries.engine.state.orders.algorithms.values() if a.symbol == SOL]
    assert SOL not in entries.engine.state.positions.tickets
    assert is_protected(entries, SOL)
    agrees_with_itself(entries)


def test_it_survives_another_kill(entries: Resumed) -> None:
    entries.advance(5_000)
    entries.restart()
    entries.restart()
    assert entries.in_doubt == []
    assert all(is_protected(entries, symbol) for symbol in (BTC, ETH, SOL, BNB))
    agrees_with_itself(entries)


@pytest.fixture
def halted(tmp_path: Path) -> Resumed:
    """A long and a short, killed by command while the exchange took no order; it has come back."""
    stored = StoredLedger("halted", tmp_path)
    engine = Resumed(stored, instruments_of(stored), now_ms=1_700_006_450_000)
    for symbol in engine.instruments:
        engine.price(100.0, symbol)
    engine.restart()
    return engine


def test_a_kill_goes_on_until_everything_is_closed(halted: Resumed) -> None:
    long, short = "BTC/USDT:USDT", "ETH/USDT:USDT"
    for _ in range(10):
        halted.advance(5_000)
        for symbol in halted.instruments:
            halted.price(100.0, symbol)
    assert {(trade.symbol, str(trade.reason)) for trade in trades_of(halted)} == {(long, "kill"), (short, "kill")}
    assert halted.positions() == []
    assert halted.exchange.open_orders() == []
    assert (
        halted.engine.state.positions.exits,
        halted.engine.state.positions.plans,
        halted.engine.state.orders.algorithms,
    ) == ({}, {}, {})
    assert halted.engine.state.guard.breakers.trading_state == "halted"
    assert [str(reason) for reason in halted.engine.state.guard.breakers.reasons] == ["killed by command"]
    agrees_with_itself(halted)


def test_it_stays_halted_until_a_person_resumes(halted: Resumed) -> None:
    halted.forecast(symbol="XRP/USDT:USDT")
    record = halted.last_record()
    assert record.verdict is Verdict.SKIP
    assert [str(reason) for reason in record.reasons] == [
        "trading is halted: killed by command",
        "model drifted: feature_drift 41%>30%, wins t=-3.4<-3.0",
    ]
    halted.command(CommandName.RESUME)
    assert halted.engine.state.guard.breakers.trading_state == "active"
    agrees_with_itself(halted)


def test_funding_that_was_booked_is_not_booked_again(halted: Resumed) -> None:
    before = halted.engine.state.account.ledger.total("USDT")
    halted.reconcile()
    halted.reconcile()
    assert halted.engine.state.account.ledger.total("USDT") == before
    assert [n for n in halted.decided(Notify) if n.event.startswith("account.")] == []
    agrees_with_itself(halted)


def test_every_exit_goes_on_with_its_reason(tmp_path: Path) -> None:
    stored = StoredLedger("exits", tmp_path)
    wanted = {symbol: fields["reason"] for symbol, fields in stored.kept["exit"].items()}
    assert len(set(wanted.values())) == len(wanted) == 10
    prices = {symbol: plan["best_price"] for symbol, plan in stored.kept["plan"].items()}
    engine = Resumed(stored, instruments_of(stored), now_ms=1_700_000_276_000)
    for symbol in engine.instruments:
        engine.price(prices.get(symbol, 100.0), symbol)
    engine.restart()
    for _ in range(6):
        engine.advance(5_000)
        for symbol in engine.instruments:
            engine.price(prices.get(symbol, 100.0), symbol)
    partial = "PART/USDT:USDT"
    closed = {trade.symbol: str(trade.reason) for trade in trades_of(engine)}
    assert closed == {symbol: reason for symbol, reason in wanted.items() if symbol != partial}
    assert engine.engine.state.positions.exits == {}
    assert engine.engine.state.account.ledger.quantity(partial) == Decimal("3.001")
    assert is_protected(engine, partial)
    agrees_with_itself(engine)


def test_an_exit_that_never_left_is_not_counted_as_a_try(tmp_path: Path) -> None:
    """The words of the last failure decide whether the exchange has judged it; they come from the version before."""
    stored = StoredLedger("exits", tmp_path)
    bare = "BARE/USDT:USDT"
    [algorithm] = [each for each in stored.kept["algorithm"].values() if each["symbol"] == bare]
    assert algorithm["failure_reason"] == "not_sent: refused by the test"
    engine = Resumed(stored, instruments_of(stored), now_ms=algorithm["deadline_ms"] + 1_000)
    for symbol in engine.instruments:
        engine.price(100.0, symbol)
    engine.fault = lambda order: "not_sent"
    engine.restart()
    kept = engine.engine.state.positions.exits[bare]
    assert (kept.attempt, kept.waits) == (0, stored.kept["exit"][bare]["waits"] + 1)


def of_daemon(name: str, directory: Path) -> tuple[Resumed, dict[str, float]]:
    """(the engine after the start, prices) on the ledger of a daemon that traded on the sandbox."""
    stored = StoredLedger(name, directory)
    instruments = {symbol: listing_for(symbol).instrument for symbol in stored.settings.exchange.symbols}
    prices = {order["symbol"]: float(order["stop_price"] or order["price"]) for order in stored.told["orders"]}
    prices |= {fill["symbol"]: float(fill["price"]) for fill in reversed(stored.told["fills"])}
    prices |= {symbol: plan["best_price"] for symbol, plan in stored.kept["plan"].items()}
    newest_ms = max(order["updated_ms"] for order in stored.told["orders"])
    engine = Resumed(stored, instruments, now_ms=newest_ms + 60_000)
    for symbol in instruments:
        engine.price(prices.get(symbol, 200.0), symbol)
    engine.restart()
    return engine, prices


def test_a_daemons_slices_and_stops_go_on(tmp_path: Path) -> None:
    engine, prices = of_daemon("spot-live", tmp_path)
    [doubtful] = engine.in_doubt
    assert (doubtful.symbol, doubtful.intent.purpose, doubtful.intent.side) == (ETH, Purpose.STOP, Side.SELL)
    assert is_protected(engine, BTC)
    assert is_protected(engine, ETH)
    bought = {symbol: engine.engine.state.account.ledger.quantity(symbol) for symbol in (BTC, ETH)}
    for _ in range(60):
        engine.advance(10_000)
        for symbol in (BTC, ETH):
            engine.price(prices[symbol], symbol)
    assert engine.engine.state.orders.algorithms == {}
    for symbol in (BTC, ETH):
        assert engine.engine.state.account.ledger.quantity(symbol) > bought[symbol]
        assert is_protected(engine, symbol)
    agrees_with_itself(engine)


def test_a_daemons_short_is_guarded_and_its_order_in_doubt_goes_on(tmp_path: Path) -> None:
    engine, _ = of_daemon("perpetual-paper", tmp_path)
    short, entry = "BTC/USDT:USDT", "ETH/USDT:USDT"
    assert {(order.symbol, order.intent.purpose) for order in engine.in_doubt} == {
        (short, Purpose.STOP),
        (entry, Purpose.ENTRY),
    }
    assert engine.engine.state.account.ledger.quantity(short) == Decimal("-0.028")
    assert is_protected(engine, short)
    [(_, stop_price)] = engine.stops(short)
    assert stop_price is not None
    engine.price(float(stop_price) + 200, short)
    [trade] = trades_of(engine)
    assert (trade.symbol, trade.side, str(trade.reason)) == (short, "sell", "break_even")  # it followed closes that far
    engine.advance(700_000)
    assert engine.engine.state.orders.algorithms == {}
    assert engine.engine.state.positions.tickets == {}
    agrees_with_itself(engine)
