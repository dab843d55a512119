"""The ledger equals an exchange that applies the same fills, to the last digit.

The exchange here is a naive sum in exact fractions and shares nothing with the ledger.
"""

from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.builders import NOW_MS, a_fill, a_perpetual, an_instrument
from trader.domain.account import Balance
from trader.domain.decisions import ClosedTrade
from trader.domain.instrument import Instrument
from trader.domain.orders import Fill, Side
from trader.portfolio import Ledger

SPOT, PERPETUAL = an_instrument(), a_perpetual()


def decimals(high: str, places: int) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(1).scaleb(-places), Decimal(high), places=places, allow_nan=False)


FILLS = st.lists(
    st.builds(
        a_fill,
        side=st.sampled_from(Side),
        quantity=decimals("1000000", 8),
        price=decimals("1000000", 10),
        fee=st.one_of(st.just(Decimal(0)), decimals("0.00000001", 8), decimals("500", 18)),
        fee_currency=st.sampled_from(["USDT", "BTC", "BNB"]),
        is_maker=st.booleans(),
    ),
    max_size=25,
)


def sums(fills: list[Fill]) -> dict[str, Fraction]:
    """What the fills move in a spot account."""
    totals: dict[str, Fraction] = {"USDT": Fraction(0), "BTC": Fraction(0), "BNB": Fraction(0)}
    for fill in fills:
        quantity, price = Fraction(fill.quantity), Fraction(fill.price)
        if fill.side is Side.BUY:
            totals["BTC"] += quantity
            totals["USDT"] -= quantity * price
        else:
            totals["BTC"] -= quantity
            totals["USDT"] += quantity * price
        totals[fill.fee_currency] -= Fraction(fill.fee)
    return totals


@given(FILLS)
@settings(max_examples=200)
def test_spot_balances_equal_the_exchange_to_the_last_digit(fills: list[Fill]) -> None:
    ledger = Ledger()
    start = {"USDT": Decimal("12345.67890123"), "BTC": Decimal("0.1"), "BNB": Decimal(3)}
    ledger.open_with([Balance(currency, amount) for currency, amount in start.items()])
    for fill in fills:
        change = ledger.apply(fill, SPOT)
        for balance in change.balances:
            assert ledger.total(balance.currency) == balance.total
    for currency, moved in sums(fills).items():
        assert Fraction(ledger.total(currency)) == Fraction(start[currency]) + moved


@given(FILLS)
@settings(max_examples=200)
def test_a_spot_position_is_never_short_nor_larger_than_what_was_bought(fills: list[Fill]) -> None:
    ledger = Ledger()
    bought = Decimal(0)
    for fill in fills:
        bought += fill.quantity if fill.side is Side.BUY else 0
        change = ledger.apply(fill, SPOT)
        held = ledger.quantity(SPOT.symbol)
        assert 0 <= held <= bought
        assert 0 <= held + ledger.dust.get("BTC", Decimal(0)) <= bought
        if change.closed is not None:
            assert held == 0


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), decimals("1000", 3), decimals("100000", 2), decimals("5", 8)), max_size=25
    )
)
@settings(max_examples=200)
def test_perpetual_wallet_is_what_came_in_less_what_went_out(
    rows: list[tuple[Side, Decimal, Decimal, Decimal]],
) -> None:
    """Whatever the average cost says in between: once flat, profit = sales - purchases - fees, exactly."""
    fills = [
        msgspec.structs.replace(a_fill(side=side, quantity=quantity, price=price, fee=fee), symbol=PERPETUAL.symbol)
        for side, quantity, price, fee in rows
    ]
    ledger = Ledger()
    ledger.open_with([Balance("USDT", Decimal(1000))])
    net = Fraction(0)
    trades: list[ClosedTrade] = []
    for fill in fills:
        change = ledger.apply(fill, PERPETUAL)
        net += Fraction(fill.side.sign * fill.quantity)
        assert Fraction(ledger.quantity(PERPETUAL.symbol)) == net
        trades += [change.closed] if change.closed else []
    left = ledger.quantity(PERPETUAL.symbol)
    if left:
        closing = msgspec.structs.replace(
            a_fill(side=Side.SELL if left > 0 else Side.BUY, quantity=abs(left), price="100"), symbol=PERPETUAL.symbol
        )
        fills.append(closing)
        change = ledger.apply(closing, PERPETUAL)
        assert change.closed is not None
        trades.append(change.closed)
    moved = sum(
        (Fraction(-fill.side.sign * fill.quantity * fill.price) - Fraction(fill.fee) for fill in fills), Fraction(0)
    )
    assert Fraction(ledger.total("USDT")) == 1000 + moved
    told = sum((Fraction(trade.profit_quote) for trade in trades), Fraction(0))
    assert told == moved


@given(FILLS, st.integers(0, 25))
@settings(max_examples=100)
def test_a_restart_between_any_two_fills_changes_no_balance(fills: list[Fill], at: int) -> None:
    whole, parts = Ledger(), Ledger()
    for index, fill in enumerate(fills):
        if index == at:
            reborn = Ledger()
            balances = [Balance(name, total) for name, total in parts.balances.items()]
            reborn.restore(list(parts.positions.values()), balances, dict(parts.dust))
            parts = reborn
        whole.apply(fill, SPOT)
        parts.apply(fill, SPOT)
    assert whole.balances == parts.balances
    assert whole.dust == parts.dust
    assert {name: each.quantity for name, each in whole.positions.items()} == {
        name: each.quantity for name, each in parts.positions.items()
    }


@given(st.sampled_from([SPOT, PERPETUAL]), FILLS, st.sets(st.integers(1, 25), max_size=4))
@settings(max_examples=300)
def test_restarts_between_fills_change_no_trade(instrument: Instrument, fills: list[Fill], at: set[int]) -> None:
    """Quantity and prices are those of the whole trade, to the last digit."""
    whole, parts = Ledger(), Ledger()
    written: list[Fill] = []
    for number, fill in enumerate(fills):
        fill = msgspec.structs.replace(fill, symbol=instrument.symbol, ts_ms=NOW_MS + number)
        if number in at:
            parts = reborn(parts, written, instrument)
        written.append(fill)
        told, same = whole.apply(fill, instrument).closed, parts.apply(fill, instrument).closed
        assert (told is None) == (same is None)
        if told is not None and same is not None:
            assert (same.quantity, same.entry_price) == (told.quantity, told.entry_price)
            assert (same.exit_price, same.opened_ms) == (told.exit_price, told.opened_ms)


def reborn(ledger: Ledger, written: list[Fill], instrument: Instrument) -> Ledger:
    """What a start makes of what `ledger` has written down."""
    positions, restored = list(ledger.positions.values()), Ledger()
    held = [fill for fill in written for position in positions if fill.ts_ms >= position.opened_ms]
    balances = [Balance(name, total) for name, total in ledger.balances.items()]
    restored.restore(positions, balances, dict(ledger.dust), held, {instrument.symbol: instrument})
    return restored


@given(st.lists(st.tuples(decimals("10", 5), decimals("200", 2)), min_size=1, max_size=8), decimals("200", 2))
def test_profit_of_a_spot_round_trip_is_cash_out_less_cash_in(
    buys: list[tuple[Decimal, Decimal]], exit_price: Decimal
) -> None:
    ledger = Ledger()
    ledger.open_with([Balance("USDT", Decimal(10**6))])
    for quantity, price in buys:
        ledger.apply(a_fill(quantity=quantity, price=price, fee=quantity * price / 1000, ts_ms=NOW_MS), SPOT)
    held = ledger.quantity(SPOT.symbol)
    trade = ledger.apply(a_fill(side=Side.SELL, quantity=held, price=exit_price, fee="0.01"), SPOT).closed
    assert trade is not None
    assert trade.profit_quote == ledger.total("USDT") - 10**6
