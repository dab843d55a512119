"""What the account is worth and what it stands to lose."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import pytest

from tests.kit.builders import NOW_MS, a_perpetual, an_instrument, an_intent, an_order
from trader.domain.account import Position
from trader.domain.orders import Order, OrderStatus, Purpose, Side
from trader.portfolio import Valuation, holdings, value

SPOT, PERPETUAL = an_instrument(), a_perpetual()
ETHER, ETHER_PERPETUAL = an_instrument("ETH/USDT"), a_perpetual("ETH/USDT:USDT")
INSTRUMENTS = {each.symbol: each for each in (SPOT, PERPETUAL, ETHER, ETHER_PERPETUAL)}
D = Decimal
LONG = Position(SPOT.symbol, D(2), D(100), NOW_MS)
SHORT = Position(PERPETUAL.symbol, D(-2), D(100), NOW_MS)


def worth_of(
    balances: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    prices: Mapping[str, float],
    unknown: Sequence[Order] = (),
) -> Valuation:
    return value(holdings(balances, positions, INSTRUMENTS, "USDT"), prices, INSTRUMENTS, unknown)


def test_spot_is_worth_its_coins_whoever_bought_them() -> None:
    balances = {"USDT": D(1000), "BTC": D(3), "DOGE": D(5)}
    worth = worth_of(balances, {SPOT.symbol: LONG}, {SPOT.symbol: 110.0})
    assert (worth.equity, worth.cash, worth.exposure) == (1330.0, 1000.0, 220.0)
    assert worth.unpriced == ("DOGE",)


def test_an_account_without_anything_is_worth_nothing() -> None:
    worth = worth_of({}, {}, {})
    assert (worth.equity, worth.cash, worth.exposure, worth.worst_equity) == (0.0, 0.0, 0.0, 0.0)


def test_a_perpetual_is_worth_its_unrealised_profit() -> None:
    worth = worth_of({"USDT": D(1000)}, {PERPETUAL.symbol: SHORT}, {PERPETUAL.symbol: 90.0})
    assert (worth.equity, worth.exposure) == (1020.0, 180.0)


def test_what_is_held_is_added_up() -> None:
    """Coins at their last listed symbol: 3 x 90 and 2 x 45. Earned: -2 x (90 - 100) and 4 x (45 - 40)."""
    balances = {"USDT": D(1000), "BTC": D(3), "ETH": D(2)}
    ether = Position(ETHER_PERPETUAL.symbol, D(4), D(40), NOW_MS)
    prices = {SPOT.symbol: 110.0, ETHER.symbol: 50.0, PERPETUAL.symbol: 90.0, ETHER_PERPETUAL.symbol: 45.0}
    worth = worth_of(balances, {each.symbol: each for each in (LONG, SHORT, ether)}, prices)
    assert worth.equity == 1000 + 270 + 90 + 20 + 20
    assert worth.exposure == 220 + 180 + 180  # 2 x 110, 2 x 90, 4 x 45


def test_without_a_price_the_exposure_is_not_forgotten() -> None:
    worth = worth_of({"USDT": D(1000), "BTC": D(2)}, {SPOT.symbol: LONG}, {})
    assert worth.exposure == 200.0
    assert worth.unpriced == ("BTC",)


def test_unknown_orders_are_taken_at_their_worst() -> None:
    unknown = [an_order(an_intent(quantity="1", price="120"), status=OrderStatus.UNKNOWN)]
    worth = worth_of({"USDT": D(1000)}, {}, {SPOT.symbol: 100.0}, unknown)
    assert worth.equity == 1000.0
    assert worth.worst_equity == pytest.approx(1000 - 20 - 0.12)
    assert worth.worst_exposure == 120.0


def test_an_unknown_order_at_a_better_price_than_the_markets_loses_its_fee_alone() -> None:
    unknown = [an_order(an_intent(quantity="2", price="90"), status=OrderStatus.UNKNOWN)]
    worth = worth_of({"USDT": D(1000)}, {}, {SPOT.symbol: 100.0}, unknown)
    assert worth.worst_equity == pytest.approx(1000 - 0.18)
    assert worth.worst_exposure == 180.0


def test_all_unknown_orders_are_added_up() -> None:
    orders = [an_intent("t-1", quantity="1", price="120"), an_intent("t-2", quantity="2", price="110")]
    unknown = [an_order(intent, status=OrderStatus.UNKNOWN) for intent in orders]
    worth = worth_of({"USDT": D(1000)}, {}, {SPOT.symbol: 100.0}, unknown)
    assert worth.worst_equity == pytest.approx(1000 - (20 + 0.12) - (20 + 0.22))
    assert worth.worst_exposure == 340.0


def test_an_unknown_exit_adds_no_exposure() -> None:
    exit_order = an_order(
        an_intent(side=Side.SELL, purpose=Purpose.EXIT, price="99"), status=OrderStatus.UNKNOWN, filled="0.5"
    )
    worth = worth_of({"USDT": D(0)}, {}, {SPOT.symbol: 100.0}, [exit_order])
    assert worth.worst_exposure == 0.0
    assert worth.worst_equity == pytest.approx(-0.5 - 0.5 * 99 * 0.001)


def test_a_coin_is_priced_by_the_last_listed_that_has_a_price() -> None:
    balances = {"USDT": D(0), "BTC": D(2)}
    assert worth_of(balances, {}, {SPOT.symbol: 100.0, PERPETUAL.symbol: 101.0}).equity == 202.0
    assert worth_of(balances, {}, {SPOT.symbol: 100.0}).equity == 200.0


def test_what_may_be_held_of_a_balance_or_a_position_is_named() -> None:
    assert holdings({"BTC": D(0)}, {}, INSTRUMENTS, "USDT").symbols == {SPOT.symbol, PERPETUAL.symbol}
    assert holdings({"USDT": D(1)}, {SPOT.symbol: LONG}, INSTRUMENTS, "USDT").symbols == {SPOT.symbol}
