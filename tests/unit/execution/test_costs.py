"""Expected and measured cost of a trade."""

import math
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import a_book, a_fill, a_perpetual, an_instrument, an_order
from tests.unit.execution.driver import Run
from trader.domain.orders import Purpose, Side
from trader.execution.costs import (
    assumed_round_trip_frac,
    entry_cost_frac,
    fee_in_quote,
    funding_cost_frac,
    round_trip_cost_frac,
)
from trader.execution.tca import execution_report


def test_a_round_trip_pays_both_fees_and_the_spread() -> None:
    book = a_book(bid=99.95, ask=100.05)
    assert round_trip_cost_frac(an_instrument(), book) == pytest.approx(0.002 + 0.001)


def test_impact_is_paid_on_both_sides_and_funding_once() -> None:
    cost = round_trip_cost_frac(an_instrument(), a_book(), impact_frac=0.0005, funding_frac=0.0001)
    assert cost - round_trip_cost_frac(an_instrument(), a_book()) == pytest.approx(0.0011)


def test_a_maker_entry_saves_the_fee_difference_but_not_the_spread() -> None:
    perpetual, book = a_perpetual(), a_book()
    saved = round_trip_cost_frac(perpetual, book) - round_trip_cost_frac(perpetual, book, maker_entry=True)
    assert saved == pytest.approx(0.0005 - 0.0002)


def test_a_measured_entry_replaces_the_whole_entry_side() -> None:
    book = a_book()
    cost = round_trip_cost_frac(an_instrument(), book, maker_entry=True, measured_entry_frac=0.0042)
    assert cost == pytest.approx(0.0042 + 0.001 + book.spread_frac / 2)


def test_fees_in_any_currency() -> None:
    instrument = an_instrument()
    assert fee_in_quote(a_fill(fee="0.1"), instrument) == Decimal("0.1")
    assert fee_in_quote(a_fill(fee="0.001", fee_currency="BTC"), instrument) == Decimal("0.1")
    assert fee_in_quote(a_fill(fee="0.0002", fee_currency="BNB"), instrument) == Decimal("0.1")
    assert fee_in_quote(a_fill(fee="0", fee_currency="BNB"), instrument) == 0


def test_the_report_compares_with_arrival_and_with_the_market_order() -> None:
    run = Run("market", "20", book=a_book(bid=99.0, ask=101.0, tick=1.0, size=10.0))
    run.fill("10", "101")
    run.fill("10", "102")
    order = run.tracker.by_client_id(run.last.client_id)
    assert order is not None
    stranger = an_order(msgspec.structs.replace(run.last, client_id="t-9", parent_id="p-9"), filled="5")
    report = execution_report(run.state, [order, stranger], run.instrument, run.now_ms + 500)
    assert report.average_price == pytest.approx(101.5)
    assert report.slippage_bps == pytest.approx(150.0)
    assert report.market_order_bps == pytest.approx(150.0)
    assert report.spread_bps == pytest.approx(100.0)
    assert (report.filled, report.orders, report.algorithm) == (Decimal(20), 1, "market")
    assert report.ended_ms - report.started_ms == 500


def test_selling_below_arrival_is_a_cost() -> None:
    run = Run("market", "1", side=Side.SELL)
    run.fill("1", "99")
    order = run.tracker.by_client_id(run.last.client_id)
    assert order is not None
    assert execution_report(run.state, [order], run.instrument, run.now_ms).slippage_bps == pytest.approx(100.0)


def test_fees_of_all_currencies_are_added_in_quote() -> None:
    run = Run("market", "3")
    order = msgspec.structs.replace(
        an_order(run.last, filled="3", filled_quote="300"),
        fees=(("USDT", Decimal("0.1")), ("BTC", Decimal("0.001")), ("BNB", Decimal("0.01"))),
    )
    report = execution_report(run.state, [order], run.instrument, run.now_ms)
    assert report.fees_quote == Decimal("0.1") + Decimal("0.1") + Decimal("0.3")


def test_nothing_filled_is_no_slippage() -> None:
    run = Run("market", "1")
    report = execution_report(run.state, [], run.instrument, run.now_ms)
    assert (report.slippage_bps, report.average_price) == (0.0, 0.0)
    assert report.filled == 0


def test_before_anything_is_measured_a_spread_of_four_bp_is_assumed() -> None:
    assert assumed_round_trip_frac(0.001) == pytest.approx(0.0024)
    assert assumed_round_trip_frac(0.001, 0.001) == pytest.approx(0.003)


def test_a_fee_in_a_discount_coin_is_valued_at_the_rate_of_its_side_of_the_book() -> None:
    maker = a_fill(fee="0.0001", fee_currency="BNB", is_maker=True)
    assert fee_in_quote(maker, a_perpetual()) == Decimal("0.02")
    assert fee_in_quote(msgspec.structs.replace(maker, is_maker=False), a_perpetual()) == Decimal("0.05")


def test_the_report_names_what_it_is_about() -> None:
    run = Run("twap", "10", side=Side.SELL, purpose=Purpose.EXIT, book=a_book(bid=99.0, ask=101.0))
    report = execution_report(run.state, [], run.instrument, run.now_ms + 700)
    assert (report.parent_id, report.symbol, report.side, report.purpose) == (
        "p-1",
        "BTC/USDT",
        Side.SELL,
        Purpose.EXIT,
    )
    assert (report.quantity, report.filled, report.orders, report.algorithm) == (Decimal(10), Decimal(0), 0, "twap")
    assert (report.arrival_mid, report.started_ms, report.ended_ms) == (100.0, run.now_ms, run.now_ms + 700)
    assert report.fees_quote == 0


def test_what_began_without_a_book_has_no_spread_and_no_slippage() -> None:
    run = Run("market", "1", has_book=False)
    run.book = a_book()
    run.advance(2)
    run.fill("1", "100")
    order = run.tracker.by_client_id(run.last.client_id)
    assert order is not None
    report = execution_report(run.state, [order], run.instrument, run.now_ms)
    assert (report.arrival_mid, report.spread_bps, report.slippage_bps) == (0.0, 0.0, 0.0)
    assert (report.average_price, report.market_order_bps) == (100.0, math.inf)


def test_a_fee_in_base_without_a_fill_is_worth_nothing() -> None:
    run = Run("market", "1")
    order = msgspec.structs.replace(an_order(run.last), fees=(("BTC", Decimal("0.001")), ("BNB", Decimal(0))))
    assert execution_report(run.state, [order], run.instrument, run.now_ms).fees_quote == 0


def test_an_entry_is_a_takers_without_impact_unless_told_otherwise() -> None:
    """0.05 % as taker, 0.02 % as maker; half of 10 bp."""
    perpetual, book = a_perpetual(), a_book(bid=99.95, ask=100.05)
    assert entry_cost_frac(perpetual, book) == pytest.approx(0.0005 + 0.0005)
    assert entry_cost_frac(perpetual, book, maker_entry=True, impact_frac=0.001) == pytest.approx(0.0002 + 0.0015)


@pytest.mark.parametrize(
    ("from_h", "until_h", "times"),
    [(1, 7.99, 0), (1, 8, 1), (7.99, 16, 2), (8, 16, 1), (8, 15.99, 0), (9, 33, 3), (1, 1, 0), (12, 4, 0)],
)
@pytest.mark.parametrize("side", list(Side))
def test_funding_is_paid_at_each_settlement_that_is_held_through(
    side: Side, from_h: float, until_h: float, times: int
) -> None:
    """Every eight hours from 0 h; a long pays 0.01 % each time and a short earns it."""
    hour_ms, settled_ms = 3_600_000, 1_700_000_000_000
    at = [settled_ms + round(hours * hour_ms) for hours in (from_h, until_h)]
    cost = funding_cost_frac(0.0001, settled_ms, 8 * hour_ms, side, *at)
    assert cost == pytest.approx(side.sign * 0.0001 * times)
