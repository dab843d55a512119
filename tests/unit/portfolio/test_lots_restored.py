"""A trade that a restart fell into is told as if there had been none: all that came in, all that went out."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_fill, a_perpetual, an_instrument
from tests.unit.portfolio.test_ledger import a_ledger, buy, closed, on_perpetual, sell
from trader.domain.account import Balance, Position
from trader.domain.instrument import Instrument
from trader.domain.orders import Fill, Side
from trader.portfolio import Ledger
from trader.portfolio.lot import lots_of

SPOT, PERPETUAL = an_instrument(), a_perpetual()
INSTRUMENTS = {SPOT.symbol: SPOT, PERPETUAL.symbol: PERPETUAL}
D = Decimal
FOREIGN = a_fill("f-x", symbol="ETH/USDT", quantity="7", price="9", ts_ms=NOW_MS + 1)  # another symbol's
LARGE, SMALL = "1" + "0" * 20, "0." + "0" * 17 + "1"  # their sum has 39 digits


def at(ms: int, fill: Fill) -> Fill:
    return msgspec.structs.replace(fill, ts_ms=NOW_MS + ms)


def restarted(
    before: Ledger, fills: Sequence[Fill], instruments: Mapping[str, Instrument] | None = INSTRUMENTS
) -> Ledger:
    """What goes on from what `before` left in the journal."""
    after = Ledger()
    balances = [Balance(name, total) for name, total in before.balances.items()]
    after.restore(before.positions.values(), balances, before.dust, fills, instruments)
    return after


def both_ways(
    earlier: Sequence[Fill], since: Sequence[Fill], last: Fill, instrument: Instrument, ledger: Ledger
) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """(quantity, entry price, exit price, profit) of the trade that `last` closes, the same with a restart before it.

    `since`: the fills since the position was opened, as the journal keeps them; `earlier` came before.
    """
    for fill in (*earlier, *since):
        ledger.apply(fill, instrument)
    after = restarted(ledger, [FOREIGN, *since])
    trade = closed(after.apply(last, instrument))
    assert trade == closed(ledger.apply(last, instrument))
    return trade.quantity, trade.entry_price, trade.exit_price, trade.profit_quote


def test_fees_in_base_never_came_in_and_went_out_with_a_sale() -> None:
    """In: 0.8 (of 1, fee 0.2) at 100 and 0.2 (of 0.3, fee 0.1) at 150. Out: 0.5 (0.4, fee 0.1) at 120 and 0.5 at 90."""
    since = [
        buy("1", "100", fee="0.2", fee_currency="BTC"),
        at(1, buy("0.3", "150", fee="0.1", fee_currency="BTC")),
        at(2, sell("0.1", "120", fee="0.05")),
        at(3, sell("0.3", "120", fee="0.1", fee_currency="BTC")),
    ]
    told = both_ways([], since, at(4, sell("0.5", "90")), SPOT, a_ledger())
    # 110 came in, 105 went out, fees: 0.2 x 100, 0.1 x 150, 0.05 and 0.1 x 120
    assert told == (D(1), D(110), D(105), D(105) - D(110) - D("47.05"))


def test_dust_that_joined_came_in_at_the_first_price() -> None:
    """In: 0.04 of dust and 0.96 at 50, then 1 at 100. Out: 0.5 at 60, 1.5 at 100."""
    ledger = a_ledger()
    ledger.apply(buy("0.04"), SPOT)
    assert ledger.write_off(SYMBOL, SPOT, D(100), NOW_MS) is not None
    since = [at(1, buy("0.96", "50")), at(2, buy("1", "100")), at(3, sell("0.5", "60"))]
    told = both_ways([], since, at(4, sell("1.5", "100")), SPOT, ledger)
    assert told == (D(2), D(75), D(90), D(30))


def test_what_a_turning_fill_closed_before_is_not_of_the_position_it_opened() -> None:
    """Long 1, then 3 sold at 110: short 2. Out: 0.5 at 100, 1.5 at 104."""
    since = [at(1, on_perpetual(sell("3", "110"))), at(2, on_perpetual(buy("0.5", "100")))]
    told = both_ways(
        [on_perpetual(buy("1", "90"))], since, at(3, on_perpetual(buy("1.5", "104"))), PERPETUAL, a_ledger()
    )
    assert told == (D(2), D(110), D(103), D(14))


def test_a_fill_of_the_moment_of_opening_closed_the_position_before() -> None:
    """Within one millisecond a long is sold and the next one is bought. Out: 1 at 110, 1 at 120."""
    since = [at(1, sell("1", "90")), at(1, buy("2", "100")), at(2, sell("1", "110"))]
    told = both_ways([buy("1", "95")], since, at(3, sell("1", "120")), SPOT, a_ledger())
    assert told == (D(2), D(100), D(115), D(30))


def test_a_fee_in_base_is_no_part_of_a_perpetual() -> None:
    since = [
        on_perpetual(buy("1", "100", fee="0.01", fee_currency="BTC")),
        at(1, on_perpetual(sell("0.5", "110", fee="0.01", fee_currency="BTC"))),
    ]
    told = both_ways([], since, at(2, on_perpetual(sell("0.5", "130"))), PERPETUAL, a_ledger(BTC="1"))
    assert told == (D(1), D(100), D(120), D(20) - D("2.1"))  # fees: 0.01 x 100, 0.01 x 110


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_what_was_found_without_a_fill_came_in_at_its_entry_price(side: Side) -> None:
    """2 adopted at 80, half of it gone at 100: what the journal has of it is one exit."""
    ledger = a_ledger()
    ledger.adopt(Position(PERPETUAL.symbol, side.sign * D(2), D(80), NOW_MS))
    out = msgspec.structs.replace(at(1, on_perpetual(buy("1", "100"))), side=side.opposite)
    ledger.apply(out, PERPETUAL)
    trade = closed(
        restarted(ledger, [out]).apply(msgspec.structs.replace(out, price=D(90), ts_ms=NOW_MS + 2), PERPETUAL)
    )
    assert (trade.quantity, trade.entry_price, trade.exit_price) == (D(2), D(80), D(95))
    assert trade.profit_quote == side.sign * (D(20) + D(10))


def test_without_its_instrument_a_trade_tells_what_came_after_the_restart() -> None:
    ledger = a_ledger()
    fills = [buy("2", "100"), at(1, sell("1", "110"))]
    for fill in fills:
        ledger.apply(fill, SPOT)
    trade = closed(restarted(ledger, fills, None).apply(at(2, sell("1", "120")), SPOT))
    assert (trade.quantity, trade.entry_price, trade.exit_price, trade.profit_quote) == (D(1), D(100), D(120), D(30))


def test_sums_read_back_are_exact() -> None:
    held = Position(SYMBOL, D(LARGE), D(1), NOW_MS)
    lot = lots_of({SYMBOL: held}, [at(1, sell(SMALL, "1"))], INSTRUMENTS)[SYMBOL]
    assert (lot.held, lot.exited_base, lot.exited_quote) == (D(LARGE), D(SMALL), D(SMALL))
    assert lot.entered_base == lot.entered_quote == D(LARGE + SMALL[1:])
