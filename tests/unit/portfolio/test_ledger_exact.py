"""To the last digit: sums longer than Python's own 28, fees in base, dust, what an exchange states."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, a_perpetual, an_instrument
from tests.unit.portfolio.test_ledger import a_ledger, buy, closed, on_perpetual, sell
from trader.domain.account import Balance, Payment, PaymentKind
from trader.domain.closing import CloseReason
from trader.domain.instrument import Instrument
from trader.domain.orders import Fill, Side
from trader.portfolio import Ledger

SPOT, PERPETUAL = an_instrument(), a_perpetual()
D = Decimal
LARGE, SMALL = "1" + "0" * 20, "0." + "0" * 17 + "1"  # their sum has 39 digits


def test_a_fill_of_many_digits_is_booked_exactly() -> None:
    ledger = a_ledger()
    ledger.apply(buy("3." + "0" * 16 + "1", "1." + "0" * 15 + "1"), SPOT)
    # (3 + 1e-17) x (1 + 1e-16) = 3 + 3e-16 + 1e-17 + 1e-33
    assert ledger.total("USDT") == D("9996.999999999999999689999999999999999")


@pytest.mark.parametrize("way", ["transfer", "payment"])
def test_large_and_small_are_added_exactly(way: str) -> None:
    ledger = a_ledger(LARGE)
    if way == "transfer":
        ledger.adjust("USDT", D(SMALL))
    else:
        ledger.pay(Payment("id-1", PaymentKind.FUNDING, SYMBOL, "USDT", D(SMALL), NOW_MS))
    assert ledger.total("USDT") == D(LARGE + SMALL[1:])


def test_a_payment_is_profit_of_the_position_it_belongs_to() -> None:
    ledger = a_ledger()
    ledger.apply(on_perpetual(buy("1")), PERPETUAL)
    change = ledger.pay(Payment("id-1", PaymentKind.FUNDING, PERPETUAL.symbol, "USDT", D("-0.3"), NOW_MS))
    assert change.position == ledger.positions[PERPETUAL.symbol]
    assert (change.position.realised_quote, change.balances) == (D("-0.3"), (Balance("USDT", D("9999.7")),))
    elsewhere = ledger.pay(Payment("id-2", PaymentKind.FUNDING, "ETH/USDT:USDT", "USDT", D("0.3"), NOW_MS))
    assert (elsewhere.position, elsewhere.balances) == (None, (Balance("USDT", D(10_000)),))


def test_what_is_written_off_is_valued_exactly() -> None:
    ledger = a_ledger()
    ledger.apply(buy("0.040000000000000001"), SPOT)
    change = ledger.write_off(SYMBOL, SPOT, D("110.00000000000001"), NOW_MS)
    assert change is not None
    # 0.040000000000000001 x 10.00000000000001
    assert closed(change).profit_quote == D("0.40000000000000041000000000000001")
    assert closed(change).reason is CloseReason.DUST


def test_a_perpetual_is_never_dust() -> None:
    ledger = a_ledger()
    ledger.apply(on_perpetual(buy("0.01")), PERPETUAL)
    assert ledger.write_off(PERPETUAL.symbol, PERPETUAL, D(100), NOW_MS) is None


def test_a_buy_that_its_fee_ate_opens_nothing_and_tells_the_fee() -> None:
    ledger = a_ledger()
    change = ledger.apply(buy("0.001", fee="0.001", fee_currency="BTC"), SPOT)
    assert (change.position, change.closed, change.fee_quote) == (None, None, D("0.1"))
    assert change.balances == (Balance("BTC", D(0)), Balance("USDT", D("9999.9")))
    assert ledger.positions == {}


def test_a_fee_of_nothing_is_no_balance() -> None:
    ledger = a_ledger()
    ledger.apply(buy("1", fee="0", fee_currency="BNB"), SPOT)
    assert set(ledger.balances) == {"USDT", "BTC"}


def test_a_sale_pays_its_fee_in_base_out_of_the_position() -> None:
    ledger = a_ledger()
    ledger.apply(buy("2"), SPOT)
    ledger.apply(sell("1", fee="0.1", fee_currency="BTC"), SPOT)
    assert (ledger.quantity(SYMBOL), ledger.total("BTC")) == (D("0.9"), D("0.9"))


@pytest.mark.parametrize(("sold", "left"), [("0.01", {"BTC": D("0.02")}), ("0.03", {})])
def test_a_sale_of_dust_takes_its_fee_along(sold: str, left: dict[str, Decimal]) -> None:
    ledger = a_ledger()
    ledger.apply(buy("0.04"), SPOT)
    ledger.write_off(SYMBOL, SPOT, D(100), NOW_MS)
    change = ledger.apply(sell(sold, fee="0.01", fee_currency="BTC"), SPOT)
    assert (change.position, change.fee_quote) == (None, D(1))
    assert ledger.dust == left


@pytest.mark.parametrize(("side", "sign"), [(Side.BUY, 1), (Side.SELL, -1)])
def test_a_part_of_a_perpetual_leaves_the_rest_on_its_side(side: Side, sign: int) -> None:
    ledger = a_ledger()
    entry = a_fill("f-1", symbol=PERPETUAL.symbol, side=side, quantity="0.8", fee="0.04")
    assert ledger.apply(entry, PERPETUAL).fee_quote == D("0.04")
    change = ledger.apply(msgspec.structs.replace(entry, side=side.opposite, quantity=D("0.5"), fee=D(0)), PERPETUAL)
    assert ledger.quantity(PERPETUAL.symbol) == sign * D("0.3")
    assert change.closed is None
    trade = closed(ledger.apply(msgspec.structs.replace(entry, side=side.opposite, quantity=D("0.3")), PERPETUAL))
    assert (trade.side, trade.quantity, trade.fees_quote) == (side, D("0.8"), D("0.08"))


def in_thirds(fill: Callable[[Fill], Fill], instrument: Instrument) -> Ledger:
    """Three bought for 301."""
    ledger = a_ledger()
    for price in ("100", "100", "101"):
        ledger.apply(fill(buy("1", price)), instrument)
    return ledger


def test_what_is_left_keeps_the_average_of_what_it_cost() -> None:
    """Two of three take two thirds of 301 along, rounded to what is booked."""
    spot, perpetual = in_thirds(lambda fill: fill, SPOT), in_thirds(on_perpetual, PERPETUAL)
    spot.apply(sell("2"), SPOT)
    perpetual.apply(on_perpetual(sell("2")), PERPETUAL)
    assert spot.positions[SYMBOL].entry_price == D("100.333333333333333333")  # 301 - 200.666666666666666667
    assert perpetual.positions[PERPETUAL.symbol].entry_price == D("100.33333333")  # 301 - 200.66666667


def test_an_average_that_was_rounded_is_read_back_as_what_it_came_from() -> None:
    before, after = in_thirds(lambda fill: fill, SPOT), Ledger()
    after.restore(before.positions.values(), [Balance(name, total) for name, total in before.balances.items()])
    assert closed(after.apply(sell("3"), SPOT)).profit_quote == D(-1)


def test_a_profit_that_the_exchange_states_for_an_opening_fill_is_the_positions() -> None:
    ledger = a_ledger()
    stated = msgspec.structs.replace(on_perpetual(buy("1", fee="0.05")), realised=D("2.5"))
    ledger.apply(stated, PERPETUAL)
    assert ledger.total("USDT") == D("10002.45")
    assert ledger.positions[PERPETUAL.symbol].realised_quote == D("2.45")
