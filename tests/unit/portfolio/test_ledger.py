"""Positions and balances, moved by fills alone."""

from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, a_fill, a_perpetual, an_instrument
from trader.domain.account import Balance, Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.orders import Fill, Side
from trader.domain.undo import Undo
from trader.portfolio import Ledger, LedgerChange

SPOT, PERPETUAL = an_instrument(), a_perpetual()
D = Decimal


def a_ledger(usdt: str = "10000", **others: str) -> Ledger:
    ledger = Ledger()
    ledger.open_with([Balance(name, D(amount)) for name, amount in {"USDT": usdt, **others}.items()])
    return ledger


def buy(quantity: str, price: str = "100", **fee: str) -> Fill:
    return a_fill(quantity=quantity, price=price, **fee)  # type: ignore[arg-type]  # only fee fields are passed


def sell(quantity: str, price: str = "100", **fee: str) -> Fill:
    return msgspec.structs.replace(buy(quantity, price, **fee), side=Side.SELL)


def on_perpetual(fill: Fill) -> Fill:
    return msgspec.structs.replace(fill, symbol=PERPETUAL.symbol)


def closed(change: LedgerChange) -> ClosedTrade:
    assert change.closed is not None
    return change.closed


def test_first_start_takes_the_account_as_it_is() -> None:
    ledger = Ledger()
    change = ledger.open_with([Balance("USDT", D(900), D(100)), Balance("BTC", D(1))])
    assert change.balances == (Balance("USDT", D(1000)), Balance("BTC", D(1)))
    assert ledger.total("USDT") == D(1000)
    assert ledger.positions == {}
    assert ledger.quantity("BTC/USDT") == 0


def test_a_buy_moves_both_balances_and_opens_a_position() -> None:
    ledger = a_ledger()
    change = ledger.apply(buy("2", "100", fee="0.2"), SPOT)
    assert change.balances == (Balance("BTC", D(2)), Balance("USDT", D("9799.8")))
    assert change.position == ledger.positions["BTC/USDT"]
    assert change.closed is None
    assert change.fee_quote == D("0.2")
    position = ledger.positions["BTC/USDT"]
    assert (position.quantity, position.entry_price, position.realised_quote) == (D(2), D(100), D("-0.2"))


def test_a_fee_in_base_shrinks_the_position() -> None:
    ledger = a_ledger()
    ledger.apply(buy("2", fee="0.002", fee_currency="BTC"), SPOT)
    position = ledger.positions["BTC/USDT"]
    assert (position.quantity, position.entry_price) == (D("1.998"), D(100))
    assert ledger.total("BTC") == D("1.998")
    assert ledger.total("USDT") == D(9800)
    trade = closed(ledger.apply(sell("1.998", "110", fee="0"), SPOT))
    assert trade.profit_quote == D("1.998") * 110 - 200  # what came back less what was paid
    assert trade.fees_quote == D("0.2")


def test_a_fee_in_a_third_currency_leaves_its_own_balance() -> None:
    ledger = a_ledger(BNB="1")
    change = ledger.apply(buy("2", fee="0.0005", fee_currency="BNB"), SPOT)
    assert ledger.total("BNB") == D("0.9995")
    assert change.fee_quote == D("0.2")  # valued at the instrument's own rate
    assert [balance.currency for balance in change.balances] == ["BTC", "USDT", "BNB"]


def test_average_cost_and_a_partial_exit() -> None:
    ledger = a_ledger()
    ledger.apply(buy("1", "100"), SPOT)
    ledger.apply(buy("1", "110"), SPOT)
    assert ledger.positions["BTC/USDT"].entry_price == D(105)
    change = ledger.apply(sell("1", "125"), SPOT)
    assert change.position is not None
    assert (change.position.quantity, change.position.entry_price) == (D(1), D(105))
    assert change.position.realised_quote == D(20)
    trade = closed(ledger.apply(sell("1", "95"), SPOT, CloseReason.STOP))
    assert trade == ClosedTrade(
        symbol="BTC/USDT",
        side=Side.BUY,
        opened_ms=NOW_MS,
        closed_ms=NOW_MS,
        quantity=D(2),
        entry_price=D(105),
        exit_price=D(110),
        profit_quote=D(10),
        fees_quote=D(0),
        reason=CloseReason.STOP,
    )
    assert ledger.positions == {}


def test_a_third_of_a_price_loses_nothing() -> None:
    ledger = a_ledger()
    for price in ("100", "100", "101"):
        ledger.apply(buy("1", price), SPOT)
    for _ in range(3):
        change = ledger.apply(sell("1", "100"), SPOT)
    assert closed(change).profit_quote == D(-1)
    assert ledger.total("USDT") == D(9999)


def test_dust_after_an_exit_counts_as_flat_and_joins_the_next_position() -> None:
    ledger = a_ledger()
    ledger.apply(buy("1.00001234"), SPOT)
    trade = closed(ledger.apply(sell("1", "110"), SPOT))
    assert ledger.positions == {}
    assert ledger.dust == {"BTC": D("0.00001234")}
    assert ledger.total("BTC") == D("0.00001234")
    assert trade.profit_quote == D("1.00001234") * 10  # the dust is worth what the exit paid
    ledger.apply(buy("2", "120"), SPOT)
    assert ledger.quantity("BTC/USDT") == D("2.00001234")
    assert ledger.dust == {}


def test_a_rest_worth_an_order_is_not_dust() -> None:
    ledger = a_ledger()
    ledger.apply(buy("1"), SPOT)
    assert ledger.apply(sell("0.94"), SPOT).closed is None  # 6 USDT
    assert ledger.apply(sell("0.02"), SPOT).closed is not None  # 4 USDT
    assert ledger.dust == {"BTC": D("0.04")}


def test_a_rest_worth_exactly_the_least_order_is_not_dust() -> None:
    ledger = a_ledger()
    ledger.apply(buy("1"), SPOT)
    assert ledger.apply(sell("0.95"), SPOT).closed is None  # 5 USDT
    assert ledger.quantity("BTC/USDT") == D("0.05")


def test_a_rest_of_exactly_the_minimum_quantity_is_not_dust() -> None:
    coarse = an_instrument(min_quantity="0.1", min_notional="0")
    ledger = a_ledger()
    ledger.apply(buy("1"), coarse)
    assert ledger.apply(sell("0.9"), coarse).closed is None
    assert ledger.apply(sell("0.01"), coarse).closed is not None


def test_an_entry_too_small_to_be_sold_can_be_written_off() -> None:
    ledger = a_ledger()
    ledger.apply(buy("0.04"), SPOT)
    assert ledger.write_off("BTC/USDT", SPOT, D(200), NOW_MS) is None
    change = ledger.write_off("BTC/USDT", SPOT, D(110), NOW_MS)
    assert change is not None
    assert closed(change).profit_quote == D("0.4")
    assert (ledger.positions, ledger.dust) == ({}, {"BTC": D("0.04")})
    assert ledger.write_off("BTC/USDT", SPOT, D(110), NOW_MS) is None


def test_coins_that_were_never_a_position_only_move_balances() -> None:
    ledger = a_ledger(BTC="5")
    change = ledger.apply(sell("1", "100"), SPOT)
    assert (change.position, change.closed) == (None, None)
    assert (ledger.total("BTC"), ledger.total("USDT")) == (D(4), D(10100))
    ledger.apply(buy("1"), SPOT)
    assert closed(ledger.apply(sell("3"), SPOT)).quantity == D(1)
    assert ledger.total("BTC") == D(2)


def test_a_perpetual_moves_only_profit_and_fees() -> None:
    ledger = a_ledger()
    ledger.apply(on_perpetual(sell("2", "100", fee="0.1")), PERPETUAL)
    assert ledger.quantity(PERPETUAL.symbol) == D(-2)
    assert ledger.balances == {"USDT": D("9999.9")}
    trade = closed(ledger.apply(on_perpetual(buy("2", "90", fee="0.1")), PERPETUAL))
    assert ledger.total("USDT") == D("10019.8")
    assert (trade.side, trade.profit_quote, trade.fees_quote) == ("sell", D("19.8"), D("0.2"))
    assert (trade.entry_price, trade.exit_price) == (D(100), D(90))


def test_a_perpetual_fill_can_turn_the_position_around() -> None:
    ledger = a_ledger()
    ledger.apply(on_perpetual(buy("1", "100")), PERPETUAL)
    change = ledger.apply(on_perpetual(sell("3", "110", fee="0.3")), PERPETUAL)
    assert closed(change).profit_quote == D("9.9")
    position = ledger.positions[PERPETUAL.symbol]
    assert change.position == position
    assert (position.quantity, position.entry_price) == (D(-2), D(110))
    assert position.realised_quote == D("-0.2")
    assert ledger.total("USDT") == D("10009.7")


def test_a_transfer_is_booked() -> None:
    ledger = a_ledger()
    change = ledger.adjust("USDT", D("-500.5"))
    assert ledger.total("USDT") == D("9499.5")
    assert change.balances == (Balance("USDT", D("9499.5")),)
    assert ledger.adjust("ETH", D(1)).balances == (Balance("ETH", D(1)),)


def test_restore_goes_on_where_it_stopped() -> None:
    before = a_ledger()
    before.apply(buy("2", "105", fee="0.21"), SPOT)
    after = Ledger()
    after.restore(
        before.positions.values(), [Balance(name, total) for name, total in before.balances.items()], {"ETH": D("0.1")}
    )
    assert after.positions == before.positions
    assert after.dust == {"ETH": D("0.1")}
    changes = [ledger.apply(sell("2", "111", fee="0.22"), SPOT) for ledger in (before, after)]
    assert changes[0] == changes[1]


def test_a_foreign_position_can_be_adopted_and_dropped() -> None:
    ledger = a_ledger()
    found = Position(PERPETUAL.symbol, D("-1"), D(100), NOW_MS)
    ledger.adopt(found)
    assert ledger.positions == {PERPETUAL.symbol: found}
    trade = closed(ledger.apply(on_perpetual(buy("1", "95")), PERPETUAL))
    assert trade.profit_quote == D(5)
    ledger.adopt(found)
    ledger.adopt(msgspec.structs.replace(found, quantity=D(0)))
    assert ledger.positions == {}


def test_an_adopted_position_is_told_and_what_was_never_held_can_be_dropped() -> None:
    ledger = a_ledger()
    found = Position(PERPETUAL.symbol, D("-1"), D(100), NOW_MS)
    assert ledger.adopt(found).position == found
    flat = msgspec.structs.replace(found, symbol="ETH/USDT:USDT", quantity=D(0))
    assert ledger.adopt(flat).position == flat
    assert list(ledger.positions) == [PERPETUAL.symbol]


def test_a_booking_can_be_taken_back() -> None:
    undo = Undo()
    ledger = Ledger(undo)
    ledger.open_with([Balance("USDT", D(1000))])
    ledger.apply(buy("1"), SPOT)
    mark, balances, positions = undo.mark(), dict(ledger.balances), dict(ledger.positions)
    ledger.apply(sell("0.99999"), SPOT)
    assert ledger.dust == {"BTC": D("0.00001")}
    undo.back_to(mark)
    assert (ledger.balances, ledger.positions, ledger.dust) == (balances, positions, {})
    assert closed(ledger.apply(sell("1", "103"), SPOT)).profit_quote == D(3)


def test_nobody_outside_can_change_it() -> None:
    ledger = a_ledger()
    with pytest.raises(TypeError):
        ledger.balances["USDT"] = D(1)  # type: ignore[index]  # the point of the test
