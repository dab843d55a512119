"""What the account holds as floats, so that it can be valued at any prices without another conversion."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from trader.domain.account import Position
from trader.domain.instrument import Instrument


class Held(NamedTuple):
    """One position. `quantity` > 0 long, < 0 short (base); `entry_price` in quote."""

    symbol: str
    quantity: float
    entry_price: float
    is_margined: bool


class Coins(NamedTuple):
    """One balance beside the quote currency, > 0 or < 0. `symbols`: who may price it, the first that has a price."""

    currency: str
    amount: float
    symbols: tuple[str, ...]


class Holdings(NamedTuple):
    """All of it. `cash` is the quote balance; `symbols` are those of which something is held, or may be."""

    cash: float
    coins: tuple[Coins, ...]
    positions: tuple[Held, ...]
    symbols: frozenset[str]


def holdings(
    balances: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    instruments: Mapping[str, Instrument],
    quote: str,
) -> Holdings:
    """`balances` by currency and `positions` by symbol, each in its order."""
    named = [s for s, instrument in instruments.items() if instrument.quote == quote][::-1]
    coins = (
        Coins(currency, float(amount), tuple(s for s in named if instruments[s].base == currency))
        for currency, amount in balances.items()
        if currency != quote and amount
    )
    held = (
        Held(symbol, float(each.quantity), float(each.entry_price), instruments[symbol].can_short)
        for symbol, each in positions.items()
    )
    symbols = {s for s, instrument in instruments.items() if instrument.base in balances} | positions.keys()
    return Holdings(float(balances.get(quote, 0)), tuple(coins), tuple(held), frozenset(symbols))
