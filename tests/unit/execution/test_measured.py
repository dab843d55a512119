"""What is learned from what entries have cost."""

from decimal import Decimal

import msgspec
import pytest

from trader.config.execution import ExecutionSettings
from trader.domain.decisions import ExecutionReport
from trader.domain.orders import AlgorithmName, Purpose, Side
from trader.execution.measured import CostTally, extra_frac, measured_frac, tallied, with_report

D = Decimal
SETTINGS = ExecutionSettings()  # believed by half after 20


def a_row(
    algorithm: str = "limit",
    *,
    side: Side = Side.BUY,
    purpose: Purpose = Purpose.ENTRY,
    mark: str | None = "99.90",
    modelled: str | None = "1.00",
    slippage_bps: float = -1.0,
    filled: str = "10",
) -> ExecutionReport:
    """10 at 100 on average, fees 1.00: 10 bp."""
    return ExecutionReport(
        parent_id="p", symbol="BTC/USDT", side=side, algorithm=AlgorithmName(algorithm), purpose=purpose,
        quantity=D(10), filled=D(filled), arrival_mid=100.01, average_price=100.0, slippage_bps=slippage_bps,
        spread_bps=1.0, fees_quote=D("1.00"), market_order_bps=2.0, started_ms=1, ended_ms=2, orders=1,
        modelled_quote=None if modelled is None else D(modelled), mark_price=None if mark is None else D(mark),
    )  # fmt: skip


def test_a_resting_order_is_measured_by_where_the_market_goes() -> None:
    """Fees 10 bp; bought at 100, 99.90 half a minute later: 10 bp more. Sold at 100, it has gained them."""
    assert measured_frac(a_row()) == pytest.approx(0.0020)
    assert measured_frac(a_row(side=Side.SELL)) == pytest.approx(0.0)


def test_an_order_that_takes_is_measured_by_the_mid_it_came_to() -> None:
    assert measured_frac(a_row("market", slippage_bps=3.0, mark=None)) == pytest.approx(0.0013)
    assert measured_frac(a_row("twap", slippage_bps=3.0, mark="50")) == pytest.approx(0.0013)


@pytest.mark.parametrize(
    "row", [a_row(mark=None), a_row(filled="0"), a_row(modelled=None), a_row(purpose=Purpose.EXIT)]
)
def test_what_is_not_known_teaches_nothing(row: ExecutionReport) -> None:
    before = CostTally(3, 0.0004)
    assert with_report(before, row) is before


def test_without_orders_the_model_is_believed() -> None:
    assert extra_frac(None, SETTINGS) == extra_frac(CostTally(), SETTINGS) == 0.0


@pytest.mark.parametrize(("orders", "share"), [(1, 1 / 21), (20, 0.5), (180, 0.9)])
def test_evidence_counts_as_there_is_more_of_it(orders: int, share: float) -> None:
    """Modelled 10 bp, measured 20 bp: 10 bp more than the model says."""
    tally = tallied([a_row()] * orders)[AlgorithmName.LIMIT]
    assert tally.orders == orders
    assert tally.excess_frac == pytest.approx(0.0010)
    assert extra_frac(tally, SETTINGS) == pytest.approx(0.0010 * share)


def test_each_algorithm_has_its_own_record() -> None:
    rows = [a_row(), a_row("market", slippage_bps=5.0), a_row("market", slippage_bps=-1.0)]
    found = tallied(rows)
    assert [found[name].orders for name in AlgorithmName] == [2, 1, 0]
    assert found[AlgorithmName.LIMIT].excess_frac == pytest.approx(0.0010)
    assert found[AlgorithmName.MARKET].excess_frac == pytest.approx(0.0002)  # 5 bp and -1 bp


def test_one_crash_is_not_believed_to_be_the_rule() -> None:
    """90 % through the stop within seconds counts as 1 %."""
    assert with_report(CostTally(), a_row(mark="10")).excess_frac == pytest.approx(0.01)
    assert with_report(CostTally(), a_row(mark="900")).excess_frac == pytest.approx(-0.01)


def test_what_was_long_ago_fades() -> None:
    """200 dear orders, then 200 as modelled: (1 - 1/200)^200 = 37 % of it is left."""
    rows = [a_row()] * 200 + [a_row(mark="100.00", modelled="1.00")] * 200
    assert tallied(rows)[AlgorithmName.LIMIT].excess_frac == pytest.approx(0.0010 * 0.995**200)


def test_it_is_kept_as_it_is() -> None:
    tally = CostTally(7, 0.0003)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(tally), type=CostTally) == tally
