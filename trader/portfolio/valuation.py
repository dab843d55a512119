"""What the account is worth."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from trader.domain.instrument import Instrument
from trader.domain.orders import Order, Side
from trader.portfolio.holdings import Coins, Holdings


class Valuation(msgspec.Struct, frozen=True):
    """In quote, marked to market. The worst case takes every order without evidence as filled against us."""

    equity: float
    cash: float  # quote balance
    exposure: float  # sum of |position value|
    worst_equity: float
    worst_exposure: float
    unpriced: tuple[str, ...] = ()  # currencies held that no price is known for; not in `equity`


def value(
    held: Holdings,
    prices: Mapping[str, float],
    instruments: Mapping[str, Instrument],
    unknown: Sequence[Order] = (),
) -> Valuation:
    """What is `held` at `prices` (symbol -> quote per base).

    Spot: quote plus every base balance (dust and what was there before us included) at its price. Perpetuals: the
    quote wallet plus unrealised profit. `unknown`: orders that may have been carried out.
    """
    coins, unpriced = _coins_value(held.coins, prices)
    unrealised, exposure = 0.0, 0.0
    for symbol, quantity, entry_price, is_margined in held.positions:
        price = prices.get(symbol)
        if is_margined and price is not None:
            unrealised += quantity * (price - entry_price)
        exposure += abs(quantity * (entry_price if price is None else price))
    equity = held.cash + coins + unrealised
    lost, added = _worst_case(unknown, instruments, prices)
    return Valuation(equity, held.cash, exposure, equity - lost, exposure + added, unpriced)


def _coins_value(coins: Iterable[Coins], prices: Mapping[str, float]) -> tuple[float, tuple[str, ...]]:
    """(value of the coins, the currencies that could not be priced)."""
    total, unpriced = 0.0, list[str]()
    for currency, amount, symbols in coins:
        for symbol in symbols:
            if symbol in prices:
                total += amount * prices[symbol]
                break
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
