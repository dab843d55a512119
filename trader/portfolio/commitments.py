"""What the account is committed to now: by the ledger, by entries under way, by orders nobody can account for."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from trader.domain.commitments import NOTHING, Commitment, Commitments
from trader.domain.instrument import Instrument
from trader.domain.orders import Order, Purpose, Side
from trader.execution.algorithms.registry import AlgorithmState
from trader.portfolio.holdings import Held

WHOLE = 1.0  # the stop distance of what has no stop: all of it is at risk


class Books(NamedTuple):
    """Where commitments come from. Prices in quote; `stops`: symbol -> price of the protective stop.

    `stop_fracs`: symbol -> stop distance / price of the entry under way. `leverage`: what a unit of margin carries.
    `but`: id of the parent order that is left out, because what it may still buy is what is asked about. `hedge`: the
    symbol whose position hedges the others, if there is one.
    """

    positions: Iterable[Held]
    algorithms: Mapping[str, AlgorithmState]
    orders: Iterable[Order]  # that have not ended
    instruments: Mapping[str, Instrument]
    prices: Mapping[str, float]
    stops: Mapping[str, float]
    stop_fracs: Mapping[str, float]
    leverage: float = 1.0
    but: str = ""
    hedge: str = ""


class _UnderWay(NamedTuple):
    """What may still be bought (or sold short) of a symbol."""

    symbol: str
    side: Side
    quantity: float
    price: float
    purpose: Purpose


class Standing(NamedTuple):
    """What is held, as if nothing was under way. `free` as in `Commitments`."""

    by_symbol: dict[str, Commitment]
    hedge: Commitment
    free: float


def commitments(books: Books, *, equity: float, total: float) -> Commitments:
    """Everything held and under way at `books.prices`. `total`: of the quote currency, held free or not.

    What an entry under way may still buy counts whole, its live order included. An order whose parent has ended
    counts by itself: nobody else does. A position without a price counts at its entry price.
    """
    return with_entries(standing(books, total), books, equity)


def standing(books: Books, total: float) -> Standing:
    """What is held of `books`; see `commitments`."""
    found: dict[str, Commitment] = {}
    hedge, free = NOTHING, total
    for symbol, quantity, entry, is_margined in books.positions:
        if not quantity:
            continue
        price = books.prices.get(symbol, entry)
        stop = books.stops.get(symbol)
        value = quantity * price
        risk = abs(value) if stop is None else max(0.0, quantity * (price - stop))
        held = Commitment(abs(value), risk, value)
        if symbol == books.hedge:
            hedge = held
        else:
            found[symbol] = held
        if is_margined:
            free -= abs(value) / books.leverage - quantity * (price - entry)
    return Standing(found, hedge, free)


def with_entries(held: Standing, books: Books, equity: float) -> Commitments:
    """`held`, and what is under way of `books`; see `commitments`."""
    found, hedge, free = dict(held.by_symbol), held.hedge, held.free
    for symbol, side, quantity, price, purpose in _under_way(books):
        value = quantity * price
        wanted = Commitment(value, value * books.stop_fracs.get(symbol, WHOLE), value * side.sign)
        if purpose is Purpose.HEDGE:
            hedge = _sum(hedge, wanted)
        else:
            found[symbol] = _sum(found.get(symbol, NOTHING), wanted)
        free -= value * books.instruments[symbol].margin_frac(books.leverage)
    return Commitments(equity, free, found, hedge)


def _sum(one: Commitment, other: Commitment) -> Commitment:
    return Commitment(one.notional + other.notional, one.risk + other.risk, one.net + other.net)


def _under_way(books: Books) -> Iterator[_UnderWay]:
    for parent_id, algorithm in books.algorithms.items():
        if not algorithm.purpose.reduces and parent_id != books.but:
            price = books.prices.get(algorithm.symbol, algorithm.arrival_mid)
            yield _UnderWay(algorithm.symbol, algorithm.side, float(algorithm.remaining), price, algorithm.purpose)
    for order in books.orders:
        intent = order.intent
        if intent.purpose.reduces or intent.parent_id in books.algorithms or intent.parent_id == books.but:
            continue
        price = float(intent.price) if intent.price else books.prices.get(order.symbol, intent.reference_price)
        yield _UnderWay(order.symbol, intent.side, float(order.remaining), price, intent.purpose)
