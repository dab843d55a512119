"""What execution has cost, added up; the numbers are worked out by hand."""

import math
from decimal import Decimal

import msgspec
import pytest

from trader.domain.decisions import ExecutionReport
from trader.domain.orders import AlgorithmName, Purpose, Side
from trader.service.control.tca import CostRow, cost_rows

D = Decimal
HOUR_MS = 3_600_000

# 10 of 20 bought at 100.05: 1000.50, decided at 99.95; mid 100, ask 100.02; a market order would have paid 4 bp
ONE = ExecutionReport(
    parent_id="p-1", symbol="BTC/USDT", side=Side.BUY, algorithm=AlgorithmName.TWAP, purpose=Purpose.ENTRY,
    quantity=D(20), filled=D(10), arrival_mid=100.0, average_price=100.05, slippage_bps=5.0, spread_bps=2.0,
    fees_quote=D("1.0005"), market_order_bps=4.0, started_ms=7 * HOUR_MS + 5, ended_ms=7 * HOUR_MS + 300_005, orders=10,
    decision_price=D("99.95"), decided_ms=7 * HOUR_MS, delay_quote=D("0.50"), spread_quote=D("0.20"),
    impact_quote=D("0.30"), mark_price=D("100.10"),
)  # fmt: skip


def changed(**fields: object) -> ExecutionReport:
    return msgspec.structs.replace(ONE, **fields)


def rows_by(rows: list[CostRow], by: str) -> dict[str, CostRow]:
    return {row.group: row for row in rows if row.by == by}


def test_the_parts_of_one_order_in_basis_points_of_its_value() -> None:
    row = cost_rows([ONE])[0]
    assert (row.by, row.group, row.orders, row.filled_frac) == ("all", "all", 1, 0.5)
    assert row.value_quote == pytest.approx(1000.5)
    assert row.delay_bps == pytest.approx(0.50 / 1000.5 * 1e4)
    assert row.spread_bps == pytest.approx(0.20 / 1000.5 * 1e4)
    assert row.impact_bps == pytest.approx(0.30 / 1000.5 * 1e4)
    assert row.fees_bps == pytest.approx(10.0)
    assert row.shortfall_bps == pytest.approx(2.0005 / 1000.5 * 1e4)
    assert row.shortfall_quote == D("2.0005")
    assert (row.market_bps, row.saved_bps) == (4.0, -1.0)  # 5 bp of slippage where 4 would have been paid
    assert row.mark_bps == pytest.approx((1 - 100.10 / 100.05) * 1e4)  # the market went on with it: a gain
    assert row.mean_s == 300.0


def test_orders_count_by_their_value() -> None:
    """1000.50 with 4 bp by market, 3001.50 with 8 bp: 7 bp."""
    three = changed(quantity=D(30), filled=D(30), market_order_bps=8.0)
    assert cost_rows([ONE, three])[0].market_bps == pytest.approx(7.0)
    assert cost_rows([ONE, three])[0].filled_frac == pytest.approx(40 / 50)


def test_each_grouping_has_its_rows_in_order() -> None:
    rows = cost_rows(
        [
            ONE,
            changed(symbol="ADA/USDT", started_ms=3 * HOUR_MS, quantity=D(2_000), algorithm=AlgorithmName.LIMIT),
            changed(purpose=Purpose.STOP, algorithm=AlgorithmName.MARKET, started_ms=27 * HOUR_MS),
            changed(purpose=Purpose.EXIT, algorithm=AlgorithmName.MARKET, filled=D("0.001"), quantity=D("0.001")),
        ]
    )
    assert list(dict.fromkeys(row.by for row in rows)) == ["all", "symbol", "algorithm", "size", "hour"]
    assert {name: row.orders for name, row in rows_by(rows, "symbol").items()} == {"ADA/USDT": 1, "BTC/USDT": 3}
    assert list(rows_by(rows, "algorithm")) == ["entry limit", "entry twap", "exit market", "stop"]
    assert list(rows_by(rows, "size")) == ["0.1 to 1", "1k to 10k", "100k to 1m"]
    assert {name: row.orders for name, row in rows_by(rows, "hour").items()} == {"03:00": 2, "07:00": 2}


def test_what_no_book_could_fill_is_compared_with_nothing() -> None:
    row = cost_rows([changed(market_order_bps=math.inf)])[0]
    assert (row.market_bps, row.saved_bps) == (None, None)
    assert cost_rows([changed(market_order_bps=math.inf), ONE])[0].saved_bps == -1.0


def test_orders_that_got_nothing_are_left_out() -> None:
    assert cost_rows([changed(filled=D(0), average_price=0.0)]) == []
    assert cost_rows([]) == []


def test_a_row_of_a_version_without_the_split_still_tells_spread_and_impact() -> None:
    """5 bp of 1000 is 0.50, 2 bp of them the spread."""
    old = changed(decision_price=None, delay_quote=D(0), spread_quote=D(0), impact_quote=D(0), mark_price=None)
    row = cost_rows([old])[0]
    assert row.delay_bps == 0
    assert row.spread_bps == pytest.approx(0.20 / 1000.5 * 1e4)
    assert row.impact_bps == pytest.approx(0.30 / 1000.5 * 1e4)
    assert row.mark_bps is None
