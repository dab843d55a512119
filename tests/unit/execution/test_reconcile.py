"""Every difference to the exchange is named."""

from decimal import Decimal
from typing import Any

from tests.kit.builders import NOW_MS, a_perpetual, an_instrument, an_intent, an_order
from trader.domain.account import Balance, Position
from trader.domain.orders import OrderStatus
from trader.execution.reconcile import Discrepancy, compare

SPOT, PERPETUAL = an_instrument(), a_perpetual()


def differences(**overrides: Any) -> list[Discrepancy]:
    given: dict[str, Any] = {
        "balances": {"USDT": Decimal(1000), "BTC": Decimal(1)},
        "positions": {},
        "orders": [],
        "reported_balances": [Balance("USDT", Decimal(900), Decimal(100)), Balance("BTC", Decimal(1))],
        "reported_positions": [],
        "open_client_ids": (),
        "instruments": {SPOT.symbol: SPOT, PERPETUAL.symbol: PERPETUAL},
        "prices": {SPOT.symbol: 100.0},
    }
    return compare(**{**given, **overrides})


def test_agreement_is_silent_and_counts_locked_balances() -> None:
    assert differences() == []


def test_the_last_digit_counts() -> None:
    found = differences(balances={"USDT": Decimal("1000.00000001"), "BTC": Decimal(1)})
    assert [(each.kind, each.subject, each.difference) for each in found] == [
        ("transfer", "USDT", Decimal("-0.00000001"))
    ]


def test_a_deposit_is_a_transfer() -> None:
    found = differences(reported_balances=[Balance("USDT", Decimal(1500)), Balance("BTC", Decimal(1))])
    assert [each.kind for each in found] == ["transfer"]
    assert found[0].text == "USDT: 500 came in without a fill; we held 1000, the exchange says 1500"


def test_a_currency_we_never_heard_of() -> None:
    told = [Balance("USDT", Decimal(1000)), Balance("BTC", Decimal(1)), Balance("DOGE", Decimal(7))]
    assert [each.subject for each in differences(reported_balances=told)] == ["DOGE"]


def test_base_against_quote_at_the_market_price_is_a_trade_by_hand() -> None:
    told = [Balance("USDT", Decimal(1050)), Balance("BTC", Decimal("0.5"))]
    assert {(each.kind, each.subject) for each in differences(reported_balances=told)} == {
        ("manual_trade", "USDT"),
        ("manual_trade", "BTC"),
    }
    gift = [Balance("USDT", Decimal(1001)), Balance("BTC", Decimal("0.5"))]  # 2 USDT a coin is no trade
    assert {each.kind for each in differences(reported_balances=gift)} == {"transfer"}


def test_perpetual_positions_are_compared_and_spot_ones_are_not() -> None:
    ours = {
        PERPETUAL.symbol: Position(PERPETUAL.symbol, Decimal("-0.5"), Decimal(100), NOW_MS),
        SPOT.symbol: Position(SPOT.symbol, Decimal(1), Decimal(100), NOW_MS),
    }
    found = differences(positions=ours)
    assert [(each.kind, each.subject, each.difference) for each in found] == [
        ("position", PERPETUAL.symbol, Decimal("0.5"))
    ]
    assert found[0].text == "BTC/USDT:USDT: we hold -0.5, the exchange says +0"


def test_orders_on_one_side_only() -> None:
    orders = [
        an_order(an_intent("t-1")),
        an_order(an_intent("t-2")),
        an_order(an_intent("t-3"), status=OrderStatus.PENDING),  # may still be on its way: not missing
    ]
    found = differences(orders=orders, open_client_ids=("t-2", "t-9"))
    assert [(each.kind, each.subject) for each in found] == [("missing_order", "t-1"), ("foreign_order", "t-9")]
