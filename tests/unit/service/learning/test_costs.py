"""Costs are assumed until enough of them were paid."""

from decimal import Decimal

import msgspec
import pytest

from trader.domain.decisions import ExecutionReport
from trader.domain.orders import AlgorithmName, Purpose, Side
from trader.execution.costs import ASSUMED_SPREAD_FRAC
from trader.service.learning.costs import FEWEST, spread_of


def execution(slippage_bps: float, symbol: str = "BTC/USDT", filled: str = "1") -> ExecutionReport:
    return ExecutionReport(
        parent_id="p", symbol=symbol, side=Side.BUY, algorithm=AlgorithmName.MARKET, purpose=Purpose.ENTRY,
        quantity=Decimal(1), filled=Decimal(filled), arrival_mid=100.0, average_price=100.0,
        slippage_bps=slippage_bps, spread_bps=1.0, fees_quote=Decimal(0), market_order_bps=1.0,
        started_ms=0, ended_ms=1, orders=1,
    )  # fmt: skip


def test_both_ways_cost_the_mean_slippage() -> None:
    paid = [execution(2.0), execution(4.0)] * (FEWEST // 2)
    assert spread_of("BTC/USDT", paid) == pytest.approx(6e-4)
    assert spread_of("ETH/USDT", paid) == ASSUMED_SPREAD_FRAC
    assert spread_of("BTC/USDT", paid[:-1]) == ASSUMED_SPREAD_FRAC
    assert spread_of("BTC/USDT", [*paid[:-1], execution(0.0, filled="0")]) == ASSUMED_SPREAD_FRAC


def test_a_fill_that_no_book_was_known_for_tells_nothing() -> None:
    paid = [execution(2.0)] * (FEWEST - 1)
    blind = msgspec.structs.replace(execution(0.0), purpose=Purpose.STOP, arrival_mid=0.0)
    assert spread_of("BTC/USDT", [*paid, blind]) == ASSUMED_SPREAD_FRAC
    assert spread_of("BTC/USDT", [*paid, execution(2.0), blind]) == pytest.approx(4e-4)


def test_better_prices_than_the_mid_are_no_income() -> None:
    assert spread_of("BTC/USDT", [execution(-3.0)] * FEWEST) == 0
