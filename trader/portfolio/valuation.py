"""What the account is worth."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from trader.domain.account import Position
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.orders import Order, Side


class Valuation(msgspec.Struct, frozen=True):
    """In quote, marked to market. The worst case takes every order without evidence as filled against us."""

    equity: float
    cash: float  # quote balance
    exposure: float  # sum of |position value|
    worst_equity: float
    worst_exposure: float
    unpriced: tuple[str, ...] = ()  # currencies held that no price is known for; not in `equity`


def value(
    balances: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, float],
    quote: str,
    unknown: Iterable[Order] = (),
) -> Valuation:
    """The account at `prices` (symbol -> quote per base).

    Spot: quote plus every base balance (dust and what was there before us included) at its price. Perpetuals: the
    quote wallet plus unrealised profit. `unknown`: orders that may have been carried out.
    """
    cash = float(balances.get(quote, 0))
    held, unpriced = _held_value(balances, instruments, prices, quote)
    unrealised = sum(
        float(position.quantity) * (prices[symbol] - float(position.entry_price))
        for symbol, position in positions.items()
        if instruments[symbol].kind is InstrumentKind.PERPETUAL and symbol in prices
    )
    exposures = {symbol: position_value(position, prices) for symbol, position in positions.items()}
    equity, exposure = cash + held + unrealised, sum(abs(each) for each in exposures.values())
    lost, added = _worst_case(unknown, instruments, prices)
    return Valuation(equity, cash, exposure, equity - lost, exposure + added, unpriced)


def position_value(position: Position, prices: Mapping[str, float]) -> float:
    """Signed value in quote; at entry price while no market price is known."""
    return float(position.quantity) * prices.get(position.symbol, float(position.entry_price))


def _held_value(
    balances: Mapping[str, Decimal], instruments: Mapping[str, Instrument], prices: Mapping[str, float], quote: str
) -> tuple[float, tuple[str, ...]]:
    """(value of the non-quote balances, the currencies that could not be priced)."""
    by_base = {
        instrument.base: prices[symbol]
        for symbol, instrument in instruments.items()
        if instrument.quote == quote and symbol in prices
    }
    total, unpriced = 0.0, []
    for currency, amount in balances.items():
        if currency == quote or not amount:
            continue
        if currency in by_base:
            total += float(amount) * by_base[currency]
        else:
            unpriced.append(currency)
    return total, tuple(unpriced)


def _worst_case(
    unknown: Iterable[Order], instruments: Mapping[str, Instrument], prices: Mapping[str, float]
) -> tuple[float, float]:
    """(equity lost, exposure added) if every order without evidence was filled at its own price."""
    lost = added = 0.0
    for order in unknown:
        limit = order.intent.price or order.intent.stop_price
        mark = prices.get(order.symbol, float(limit) if limit else order.intent.reference_price)
        price = float(limit) if limit else mark
        remaining = float(order.remaining)
        against = (price - mark) if order.intent.side is Side.BUY else (mark - price)
        lost += remaining * (max(0.0, against) + price * instruments[order.symbol].taker_fee_frac)
        added += 0.0 if order.intent.purpose.reduces else remaining * price
    return lost, added
