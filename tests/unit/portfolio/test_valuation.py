"""What the account is worth and what it stands to lose."""

from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, a_perpetual, an_instrument, an_intent, an_order
from trader.domain.account import Position
from trader.domain.orders import OrderStatus, Purpose, Side
from trader.portfolio import value

SPOT, PERPETUAL = an_instrument(), a_perpetual()
INSTRUMENTS = {SPOT.symbol: SPOT, PERPETUAL.symbol: PERPETUAL}
D = Decimal
LONG = Position(SPOT.symbol, D(2), D(100), NOW_MS)
SHORT = Position(PERPETUAL.symbol, D(-2), D(100), NOW_MS)


def test_spot_is_worth_its_coins_whoever_bought_them() -> None:
    balances = {"USDT": D(1000), "BTC": D(3), "DOGE": D(5)}
    worth = value(balances, {SPOT.symbol: LONG}, INSTRUMENTS, {SPOT.symbol: 110.0}, "USDT")
    assert (worth.equity, worth.cash, worth.exposure) == (1330.0, 1000.0, 220.0)
    assert worth.unpriced == ("DOGE",)


def test_an_account_without_anything_is_worth_nothing() -> None:
    worth = value({}, {}, INSTRUMENTS, {}, "USDT")
    assert (worth.equity, worth.cash, worth.exposure, worth.worst_equity) == (0.0, 0.0, 0.0, 0.0)


def test_a_perpetual_is_worth_its_unrealised_profit() -> None:
    worth = value({"USDT": D(1000)}, {PERPETUAL.symbol: SHORT}, INSTRUMENTS, {PERPETUAL.symbol: 90.0}, "USDT")
    assert (worth.equity, worth.exposure) == (1020.0, 180.0)


def test_without_a_price_the_exposure_is_not_forgotten() -> None:
    worth = value({"USDT": D(1000), "BTC": D(2)}, {SPOT.symbol: LONG}, INSTRUMENTS, {}, "USDT")
    assert worth.exposure == 200.0
    assert worth.unpriced == ("BTC",)


def test_unknown_orders_are_taken_at_their_worst() -> None:
    unknown = [an_order(an_intent(quantity="1", price="120"), status=OrderStatus.UNKNOWN)]
    worth = value({"USDT": D(1000)}, {}, INSTRUMENTS, {SPOT.symbol: 100.0}, "USDT", unknown)
    assert worth.equity == 1000.0
    assert worth.worst_equity == pytest.approx(1000 - 20 - 0.12)
    assert worth.worst_exposure == 120.0


def test_all_unknown_orders_are_added_up() -> None:
    orders = [an_intent("t-1", quantity="1", price="120"), an_intent("t-2", quantity="2", price="110")]
    unknown = [an_order(intent, status=OrderStatus.UNKNOWN) for intent in orders]
    worth = value({"USDT": D(1000)}, {}, INSTRUMENTS, {SPOT.symbol: 100.0}, "USDT", unknown)
    assert worth.worst_equity == pytest.approx(1000 - (20 + 0.12) - (20 + 0.22))
    assert worth.worst_exposure == 340.0


def test_an_unknown_exit_adds_no_exposure() -> None:
    exit_order = an_order(
        an_intent(side=Side.SELL, purpose=Purpose.EXIT, price="99"), status=OrderStatus.UNKNOWN, filled="0.5"
    )
    worth = value({"USDT": D(0)}, {}, INSTRUMENTS, {SPOT.symbol: 100.0}, "USDT", [exit_order])
    assert worth.worst_exposure == 0.0
    assert worth.worst_equity == pytest.approx(-0.5 - 0.5 * 99 * 0.001)
