"""Books around a price: as deep as documented, never crossed, changing little by little."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader.sandbox.market.depth import LEVELS, DepthBook, DepthModel
from trader.sandbox.market.listing import DEFAULT_SYMBOLS, Listing, listing_for
from trader.sandbox.market.orderbook import PublishedBook

NOW_MS = 1_736_121_600_000


def ticks_of(listing: Listing) -> int:
    return round(listing.base_price / float(listing.instrument.price_tick))


def book_of(listing: Listing, *, now_ms: int = NOW_MS, volatility: float = 1.0) -> DepthBook:
    return DepthModel(listing, 7).book(ticks_of(listing), True, volatility, now_ms)


def impact(listing: Listing, quote: float, price_ticks: int, now_ms: int) -> float:
    """Average fill / best ask - 1 of buying for `quote`."""
    tick, step = float(listing.instrument.price_tick), float(listing.instrument.quantity_step)
    asks = DepthModel(listing, 7).book(price_ticks, True, 1.0, now_ms).asks
    left, base = quote, 0.0
    for price, size in zip(asks.ticks.tolist(), asks.steps.tolist(), strict=True):
        taken = min(left, price * tick * size * step)
        left -= taken
        base += taken / (price * tick)
    assert left < 1e-9, "the book is too thin"
    return quote / base / (float(asks.ticks[0]) * tick) - 1


@pytest.mark.parametrize(
    ("symbol", "expected"),
    [("BTC/USDT", 0.0002), ("ETH/USDT", 0.0005), ("BNB/USDT", 0.002), ("SOL/USDT", 0.002), ("XRP/USDT", 0.008)],
)
def test_buying_for_1500_costs_what_is_documented(symbol: str, expected: float) -> None:
    listing = listing_for(symbol)
    prices = [round(ticks_of(listing) * (0.6 + number / 250)) for number in range(300)]
    costs = [impact(listing, 1_500, price, NOW_MS + 60_000 * n) for n, price in enumerate(prices)]
    assert sum(costs) / len(costs) == pytest.approx(expected, rel=0.15)
    assert max(costs) < 2 * expected


@given(
    symbol=st.sampled_from([*DEFAULT_SYMBOLS, "MADEUP/USDT"]),
    factor=st.floats(0.05, 20),
    taker=st.booleans(),
    volatility=st.floats(0.01, 20),
    after_ms=st.integers(0, 10**9),
)
def test_books_are_ordered_and_never_crossed(
    symbol: str, factor: float, taker: bool, volatility: float, after_ms: int
) -> None:
    listing = listing_for(symbol)
    price = max(1, round(ticks_of(listing) * factor))
    book = DepthModel(listing, 7).book(price, taker, volatility, NOW_MS + after_ms)
    bids, asks = book.bids.ticks.tolist(), book.asks.ticks.tolist()
    assert bids == sorted(set(bids), reverse=True)
    assert asks == sorted(set(asks))
    assert 0 < bids[-1] <= bids[0] < asks[0]
    assert len(asks) == LEVELS
    assert min(*book.bids.steps.tolist(), *book.asks.steps.tolist()) >= 1
    assert price == (bids[0] if price == 1 or not taker else asks[0])


def test_volatile_markets_are_thinner_and_wider() -> None:
    calm, wild = (book_of(listing_for("ETH/USDT"), volatility=v) for v in (1.0, 9.0))
    assert wild.asks.steps.sum() < 0.5 * calm.asks.steps.sum()
    assert wild.asks.ticks[0] - wild.bids.ticks[0] > calm.asks.ticks[0] - calm.bids.ticks[0]


def test_a_book_a_moment_later_differs_in_few_levels_but_differs() -> None:
    listing = listing_for("BTC/USDT")
    model = DepthModel(listing, 7)
    published = PublishedBook(listing, 100)
    published.update(model.book(ticks_of(listing), True, 1.0, NOW_MS))
    for tick in range(1, 50):
        diff = published.update(model.book(ticks_of(listing), True, 1.0, NOW_MS + tick * 100))
        assert 1 <= len(diff.bids) + len(diff.asks) <= 12


def test_diffs_rebuild_the_book_and_number_every_change() -> None:
    listing = listing_for("SOL/USDT")
    model = DepthModel(listing, 7)
    published, slow = PublishedBook(listing, 100), PublishedBook(listing, 100)
    rebuilt: tuple[dict[str, str], dict[str, str]] = ({}, {})
    last = 100
    for tick in range(30):
        diff = published.update(model.book(ticks_of(listing) + tick * 7, tick % 2 == 0, 1.0, NOW_MS + tick * 6_000))
        assert diff.first == last + 1
        last += len(diff.bids) + len(diff.asks)
        assert published.update_id == last
        for side, changes in zip(rebuilt, (diff.bids, diff.asks), strict=True):
            for price, quantity in changes:
                side.pop(price, None)
                if float(quantity):
                    side[price] = quantity
    expected = published.pairs(LEVELS)
    assert sorted(map(list, rebuilt[0].items()), key=lambda level: -float(level[0])) == expected[0]
    assert sorted(map(list, rebuilt[1].items()), key=lambda level: float(level[0])) == expected[1]
    whole = slow.copy_from(published)
    assert (whole.first, slow.update_id) == (101, last)
    assert slow.pairs(LEVELS) == expected
