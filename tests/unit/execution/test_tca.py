"""What an order has cost, split; the numbers are worked out by hand."""

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS, a_book, a_fill, an_instrument, an_intent, an_order
from tests.unit.execution.driver import Run
from trader.domain.decisions import ExecutionReport
from trader.domain.orders import Order, OrderType, Purpose, Side
from trader.execution.planner import Decided
from trader.execution.tca import Prices, Shortfall, execution_report, fees_quote, shortfall, stop_report

D = Decimal


def split(report: ExecutionReport) -> tuple[Decimal, ...]:
    return report.delay_quote, report.spread_quote, report.impact_quote, report.fees_quote


def report_of(run: Run, fee: str) -> ExecutionReport:
    order = run.tracker.by_client_id(run.last.client_id)
    assert order is not None
    paid = msgspec.structs.replace(order, fees=(("USDT", D(fee)),))
    return execution_report(run.state, [paid], run.instrument, run.now_ms + 500)


def test_a_long_bought_through_two_levels() -> None:
    """Decided at 100.00; at arrival 100.08 / 100.12; 6 at 100.12 and 4 at 100.15 cost 1001.32, fees 1.00.

    Delay (100.10 - 100) x 10 = 1.00, spread 0.02 x 10 = 0.20, impact 1001.32 - 1001.20 = 0.12: with the fees 2.32,
    which is 1001.32 - 1000 + 1.
    """
    decided = Decided(100.0, NOW_MS - 800, 0.0015)
    run = Run("market", "10", book=a_book(bid=100.08, ask=100.12, size=20.0), decided=decided)
    run.fill("6", "100.12")
    run.fill("4", "100.15")
    report = report_of(run, "1.00")
    assert split(report) == (D("1.00"), D("0.20"), D("0.12"), D("1.00"))
    assert report.shortfall_quote == D("1001.32") - D("1000") + D("1.00") == D("2.32")
    assert (report.decision_price, report.decided_ms, report.started_ms) == (D("100.0"), NOW_MS - 800, NOW_MS)
    assert float(report.modelled_quote or 0) == pytest.approx(0.0015 * 1001.32)


def test_a_short_sold_below_the_touch() -> None:
    """Decided at 100.00; at arrival 99.94 / 99.98; 10 sold for 999.30, fees 0.50.

    Delay (100 - 99.96) x 10 = 0.40, spread 0.02 x 10 = 0.20, impact 999.40 - 999.30 = 0.10: with the fees 1.20.
    """
    run = Run("market", "10", side=Side.SELL, book=a_book(bid=99.94, ask=99.98, size=20.0), decided=Decided(100.0))
    run.fill("10", "99.93")
    report = report_of(run, "0.50")
    assert split(report) == (D("0.40"), D("0.20"), D("0.10"), D("0.50"))
    assert report.shortfall_quote == D("1000") - D("999.30") + D("0.50")


def test_what_rests_may_gain() -> None:
    """Bought at 99.96 where the ask was 100.01: 0.50 less than the touch, the half spread (0.10) among it."""
    run = Run("limit", "10", decided=Decided(100.0))
    run.ack()
    run.fill("10", "99.96")
    report = report_of(run, "0")
    assert split(report) == (D("0"), D("0.10"), D("-0.50"), D("0"))
    assert report.shortfall_quote == D("-0.40")


def test_without_a_decision_price_there_is_no_delay() -> None:
    run = Run("market", "10")
    run.fill("10", "100.02")
    report = report_of(run, "0")
    assert (report.decision_price, *split(report)) == (None, D("0"), D("0.10"), D("0.10"), D("0"))


def test_what_was_not_filled_cost_nothing() -> None:
    run = Run("market", "10", decided=Decided(100.0))
    report = execution_report(run.state, [], run.instrument, run.now_ms)
    assert (report.shortfall_quote, report.filled, report.quantity) == (D(0), D(0), D(10))


def a_stop(fee: str = "0.49") -> Order:
    intent = an_intent(
        "t-stop", side=Side.SELL, type=OrderType.STOP_MARKET, quantity="5", price=None, stop_price="98",
        purpose=Purpose.STOP, parent_id="d-1",
    )  # fmt: skip
    return msgspec.structs.replace(an_order(intent, filled="5", filled_quote="489.25"), fees=(("USDT", D(fee)),))


def test_a_stop_that_gaps() -> None:
    """Stop at 98; 97.90 / 97.94 when it filled, 5 at 97.85, fees 0.49.

    Delay (98 - 97.92) x 5 = 0.40 is the gap, spread 0.10, impact 0.25: with the fees 1.24.
    """
    book = a_book(bid=97.90, ask=97.94, size=2.0)
    report = stop_report(a_stop(), a_fill(ts_ms=NOW_MS - 20), book, an_instrument(), NOW_MS)
    assert split(report) == (D("0.40"), D("0.10"), D("0.25"), D("0.49"))
    assert report.shortfall_quote == D("490") - D("489.25") + D("0.49")
    assert (report.parent_id, report.algorithm, report.purpose) == ("t-stop", "market", "stop")
    assert (report.started_ms, report.ended_ms, report.orders) == (NOW_MS - 20, NOW_MS, 1)
    assert report.arrival_mid == pytest.approx(97.92)
    # 2 at 97.90, 2 at 97.89, 1 at 97.88 = 97.892 on average
    assert report.market_order_bps == pytest.approx((97.92 - 97.892) / 97.92 * 1e4)


def test_a_stop_that_filled_while_nobody_looked_has_cost_what_it_lost_to_its_price() -> None:
    report = stop_report(a_stop(), a_fill(), None, an_instrument(), NOW_MS)
    assert split(report) == (D("0"), D("0"), D("0.75"), D("0.49"))
    assert (report.arrival_mid, report.slippage_bps, report.market_order_bps) == (0.0, 0.0, math.inf)


PRICE = st.decimals("0.0001", "99999", places=6)
QUANTITY = st.decimals("0.00001", "99999", places=5)


@given(st.sampled_from(Side), QUANTITY, PRICE, PRICE, PRICE, PRICE, st.decimals("-10", "10", places=8))
def test_the_parts_are_the_whole_to_the_last_digit(
    side: Side, filled: Decimal, average: Decimal, decision: Decimal, mid: Decimal, touch: Decimal, fees: Decimal
) -> None:
    found = shortfall(side, filled, filled * average, Prices(decision, mid, touch), fees)
    whole = (filled * average - decision * filled) * side.sign + fees
    assert found == Shortfall(found.delay, found.spread, found.impact, fees)
    assert abs(found.total - whole) <= abs(whole) * D("1e-25")


def test_fees_of_all_orders_and_currencies_add_up() -> None:
    """0.30 in quote, 0.001 of the base at 97.85, 489.25 at 0.1 % for a discount coin; twice."""
    order = msgspec.structs.replace(a_stop(), fees=(("USDT", D("0.30")), ("BTC", D("0.001")), ("BNB", D("0.01"))))
    one = D("0.30") + D("0.09785") + D("0.48925")
    assert fees_quote([order], an_instrument()) == one
    assert fees_quote([order, order], an_instrument()) == 2 * one
    nothing = msgspec.structs.replace(a_stop(), fees=(("BNB", D(0)),))
    assert fees_quote([nothing], an_instrument()) == 0


def test_what_a_limit_of_the_review_cut_off_was_wanted_too() -> None:
    run = Run("market", "10")
    cut = msgspec.structs.replace(run.state, quantity=D(4), cut=D(6))
    assert execution_report(cut, [], run.instrument, run.now_ms).quantity == D(10)


def test_the_row_of_a_stop_says_what_it_was() -> None:
    book = a_book(bid=97.90, ask=97.94, size=2.0)
    report = stop_report(a_stop(), a_fill(ts_ms=NOW_MS - 20), book, an_instrument(), NOW_MS)
    assert (report.symbol, report.side, report.quantity, report.filled) == ("BTC/USDT", Side.SELL, D(5), D(5))
    assert (report.decision_price, report.decided_ms, report.average_price) == (D(98), NOW_MS - 20, 97.85)
    assert report.slippage_bps == pytest.approx((97.92 - 97.85) / 97.92 * 1e4)
    assert report.spread_bps == pytest.approx(0.02 / 97.92 * 1e4)


def test_a_stop_that_ended_without_a_fill_has_no_average() -> None:
    order = msgspec.structs.replace(a_stop(), filled=D(0), filled_quote=D(0))
    report = stop_report(order, a_fill(), None, an_instrument(), NOW_MS)
    assert (report.average_price, report.filled, report.spread_bps) == (0.0, D(0), 0.0)
