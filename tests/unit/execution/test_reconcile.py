"""Every difference to the exchange is named."""

from decimal import Decimal
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("usdt", "kind"),
    [
        ("1054.99", "manual_trade"),  # 109.98 a coin
        ("1045.01", "manual_trade"),
        ("1055.01", "transfer"),
        ("1044.99", "transfer"),
        ("999", "transfer"),  # both went out
    ],
)
def test_a_trade_by_hand_is_within_a_tenth_of_the_market(usdt: str, kind: str) -> None:
    told = [Balance("USDT", Decimal(usdt)), Balance("BTC", Decimal("0.5"))]
    assert {each.kind for each in differences(reported_balances=told)} == {kind}


def test_a_trade_by_hand_is_told_for_both_currencies() -> None:
    told = [Balance("USDT", Decimal(950)), Balance("BTC", Decimal("1.5")), Balance("DOGE", Decimal(1))]
    assert [(each.subject, each.ours, each.theirs, each.text) for each in differences(reported_balances=told)] == [
        ("BTC", "1", "1.5", "BTC: +0.5 by a trade in BTC/USDT that is not in our fills"),
        ("DOGE", "0", "1", "DOGE: 1 came in without a fill; we held 0, the exchange says 1"),
        ("USDT", "1000", "950", "USDT: -50 by a trade in BTC/USDT that is not in our fills"),
    ]


def test_a_trade_by_hand_is_found_in_whichever_symbol_it_was() -> None:
    other = an_instrument("ETH/USDT")
    found = differences(
        reported_balances=[Balance("USDT", Decimal(980)), Balance("BTC", Decimal(1)), Balance("ETH", Decimal(2))],
        instruments={each.symbol: each for each in (SPOT, PERPETUAL, other)},
        prices={SPOT.symbol: 100.0, PERPETUAL.symbol: 100.0, other.symbol: 10.0},
    )
    assert [(each.kind, each.subject) for each in found] == [("manual_trade", "ETH"), ("manual_trade", "USDT")]


@pytest.mark.parametrize(
    "changes",
    [
        {"prices": {}},
        {"prices": None},
        {"instruments": {PERPETUAL.symbol: PERPETUAL}, "prices": {PERPETUAL.symbol: 100.0}},
    ],
    ids=["no price", "no prices", "only a perpetual"],
)
def test_without_a_spot_price_it_is_no_trade(changes: dict[str, Any]) -> None:
    told = [Balance("USDT", Decimal(1050)), Balance("BTC", Decimal("0.5"))]
    assert {each.kind for each in differences(reported_balances=told, **changes)} == {"transfer"}


def test_what_went_out_is_told_with_both_totals() -> None:
    [found] = differences(reported_balances=[Balance("USDT", Decimal(1000))])
    assert (found.kind, found.subject, found.ours, found.theirs) == ("transfer", "BTC", "1", "0")
    assert found.text == "BTC: 1 went out without a fill; we held 1, the exchange says 0"
    assert found.difference == Decimal(-1)
    assert found.key == ("transfer", "BTC", Decimal(-1))


def test_a_position_that_only_the_exchange_knows_is_told() -> None:
    theirs = [Position(PERPETUAL.symbol, Decimal("0.25"), Decimal(100), NOW_MS)]
    [found] = differences(reported_positions=theirs)
    assert (found.ours, found.theirs, found.difference) == ("0", "0.25", Decimal("0.25"))
    assert found.text == "BTC/USDT:USDT: we hold +0, the exchange says +0.25"
    same = {PERPETUAL.symbol: theirs[0]}
    assert differences(positions=same, reported_positions=theirs) == []
    stranger = [Position("XYZ/USDT:USDT", Decimal(1), Decimal(1), NOW_MS)]
    assert differences(reported_positions=stranger) == []


@pytest.mark.parametrize("status", [OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED])
def test_an_order_that_the_exchange_does_not_list_is_told(status: OrderStatus) -> None:
    [found] = differences(orders=[an_order(an_intent("t-1"), status=status)])
    assert (found.kind, found.subject, found.ours, found.theirs) == ("missing_order", "t-1", status.value, "not open")
    assert found.text == f"BTC/USDT: order t-1 is {status.value} here, the exchange does not list it"


def test_orders_that_only_the_exchange_has_are_told_in_order() -> None:
    found = differences(open_client_ids={"web-2", "web-1"})
    assert [(each.kind, each.subject, each.ours, each.theirs) for each in found] == [
        ("foreign_order", "web-1", "none", "open"),
        ("foreign_order", "web-2", "none", "open"),
    ]
    assert found[0].text == "the exchange lists order web-1 as open, we know of none that is"
