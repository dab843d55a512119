"""The bench of the simulated exchange: its updates are matched, with our orders in them. How fast, no test asks."""

from decimal import Decimal
from itertools import pairwise

from trader.bench.matching import BOOKS, NOW_MS, SYMBOLS, a_book, an_exchange, measure
from trader.domain.orders import OrderStatus


def test_a_number_without_and_one_with_orders() -> None:
    measured = measure(updates=100)
    assert list(measured) == ["book_updates_per_s", "book_updates_per_s_with_orders"]
    assert min(measured.values()) > 0


def test_every_book_differs_from_the_last_and_none_touches_our_orders() -> None:
    books = [a_book(number) for number in range(BOOKS)]
    assert all(book != following for book, following in pairwise([*books, books[0]]))
    assert min(bids[0][0] for bids, _ in books) == 99.90
    assert min(asks[0][0] for _, asks in books) > 99.90


def test_the_orders_wait_in_the_books_and_fill_when_the_market_comes_to_them() -> None:
    exchange = an_exchange(orders=3)
    for number in range(BOOKS):
        exchange.on_book(SYMBOLS[0], NOW_MS + number, *a_book(number))
    assert exchange.now_ms == NOW_MS + BOOKS - 1
    assert [order.filled for order in exchange.open_orders()] == [0] * 3 * len(SYMBOLS)
    assert exchange.open_orders(SYMBOLS[0])[0].price == Decimal("99.9")
    exchange.on_book(SYMBOLS[0], NOW_MS + BOOKS, ((99.80, 9.0),), ((99.85, 9.0),))  # through all of them
    assert [order.status for order in exchange.orders(SYMBOLS[0])] == [OrderStatus.FILLED] * 3
    assert len(exchange.open_orders()) == 3 * (len(SYMBOLS) - 1)
