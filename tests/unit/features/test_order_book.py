"""Order-book columns: equal to their formulas, the same live and recorded, masked where books are missing."""

import os
from collections.abc import Iterable, Iterator
from heapq import nlargest, nsmallest
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.unit.features.candles import Array, random_candles
from trader.domain.market import Book, Levels, Trade
from trader.features import CATALOGUE, GROUPS, WARM_UP, FeatureStream, catalogue, column_names
from trader.features.groups.book_stream import BookStream, book_matrix

MINUTE = 60_000
COLUMNS = [entry.name for entry in catalogue(groups=("books",))[len(CATALOGUE) :]]


def book(ts_ms: int, bids: Levels = ((99.0, 2.0), (98.0, 3.0)), asks: Levels = ((101.0, 1.0), (103.0, 4.0))) -> Book:
    return Book("BTC/USDT", ts_ms, bids, asks)


def trade(ts_ms: int, quantity: float, buyer_is_taker: bool) -> Trade:
    return Trade("BTC/USDT", ts_ms, "1", 100.0, quantity, buyer_is_taker)


def row_of(events: Iterable[Book | Trade], minute: int = 1) -> dict[str, float]:
    """The columns of the candle that opens at `minute`."""
    row = book_matrix(events, np.array([minute * MINUTE]), MINUTE)[0]
    return dict(zip(COLUMNS, row.tolist(), strict=True))


def test_the_newest_book_of_the_candle_decides() -> None:
    row = row_of(
        [book(1), book(MINUTE, asks=((102.0, 9.0),)), book(MINUTE + 5), book(2 * MINUTE, asks=((150.0, 1.0),))]
    )
    assert row["book_spread"] == pytest.approx(2 / 100)
    assert row["book_spread_mean"] == pytest.approx((3 / 100.5 + 2 / 100) / 2)
    assert row["book_imbalance_1"] == pytest.approx((2 - 1) / 3)
    assert row["book_imbalance_5"] == row["book_imbalance_20"] == pytest.approx((5 - 5) / 10)
    assert row["book_imbalance_mean"] == pytest.approx(((5 - 9) / 14 + 0) / 2)
    assert row["microprice_dev"] == pytest.approx((99 * 1 + 101 * 2) / 3 / 100 - 1)
    bid_moment, ask_moment = 2 * 1 + 3 * 2, 1 * 1 + 4 * 3
    assert row["depth_reach"] == pytest.approx((bid_moment + ask_moment) / 10 / 100)
    bid_slope, ask_slope = 5 / (bid_moment / 5), 5 / (ask_moment / 5)
    assert row["depth_slope"] == pytest.approx((bid_slope - ask_slope) / (bid_slope + ask_slope))


def test_flow_is_what_the_best_levels_gained() -> None:
    """Cont, Kukanov and Stoikov: a better price adds its quantity, a worse one takes the old, the same the change."""
    events = [
        book(1, ((99.0, 2.0),), ((101.0, 1.0),)),
        book(MINUTE, ((99.0, 5.0),), ((101.0, 1.0),)),  # bid grows by 3
        book(MINUTE + 1, ((100.0, 4.0),), ((101.0, 1.0),)),  # better bid: + 4
        book(MINUTE + 2, ((100.0, 4.0),), ((102.0, 7.0),)),  # ask withdrawn: + 1
        book(MINUTE + 3, ((98.0, 6.0),), ((102.0, 6.0),)),  # bid gone: - 4, ask shrinks: + 1
    ]
    mean_size = np.mean([(5 + 1) / 2, (4 + 1) / 2, (4 + 7) / 2, (6 + 6) / 2])
    assert row_of(events)["order_flow_imbalance"] == pytest.approx((3 + 4 + 1 - 4 + 1) / mean_size)


def test_trades_count_by_who_crossed_the_spread() -> None:
    events: list[Book | Trade] = [
        book(1),
        trade(2, 50.0, False),
        book(MINUTE),
        trade(MINUTE + 1, 3.0, True),
        trade(MINUTE + 2, 1.0, False),
    ]
    assert row_of(events)["trade_flow_imbalance"] == pytest.approx((3 - 1) / 4)
    assert row_of([book(1), book(MINUTE)])["trade_flow_imbalance"] == 0.0


@pytest.mark.parametrize(
    "events",
    [
        [],
        [book(MINUTE), book(MINUTE + 9)],  # the beginning of the candle was not seen
        [book(1), book(2 * MINUTE)],  # no book of the candle
        [book(-2 * MINUTE), book(MINUTE)],  # a silence before: the beginning may be missing
    ],
)
def test_a_candle_without_its_books_has_no_columns(events: list[Book | Trade]) -> None:
    assert np.isnan(list(row_of(events).values())).all()


@pytest.mark.parametrize(
    "one",
    [
        book(MINUTE, bids=()),
        book(MINUTE, asks=()),
        book(MINUTE, bids=((102.0, 1.0),)),  # crossed
        book(MINUTE, bids=((99.0, 0.0),)),
        book(MINUTE, asks=((101.0, 1.0), (float("nan"), 1.0))),
        trade(MINUTE, float("inf"), True),
        trade(MINUTE, -1.0, False),
    ],
)
def test_what_cannot_be_is_refused_and_not_remembered(one: Book | Trade) -> None:
    stream = BookStream(MINUTE)
    stream.on_book(book(1))
    stream.on_book(book(MINUTE))
    with pytest.raises(ValueError, match=r"empty side or is crossed|not above 0 and finite|has the quantity"):
        stream.on_book(one) if isinstance(one, Book) else stream.on_trade(one)
    assert np.array_equal(stream.row(2 * MINUTE), book_matrix([book(1), book(MINUTE)], np.array([MINUTE]), MINUTE)[0])


def test_books_do_not_see_the_future() -> None:
    events = [book(at * 20_000, bids=((99.0 - at % 3, 1.0 + at),)) for at in range(30)]
    other = [*events[:15], *(book(at * 20_000, asks=((150.0, 9.0),)) for at in range(15, 30))]
    opened = np.arange(9) * MINUTE
    before, after = (book_matrix(made, opened, MINUTE) for made in (events, other))
    assert np.array_equal(before[:5], after[:5], equal_nan=True)
    assert not np.array_equal(before[5:], after[5:])


def test_looking_ahead_leaves_no_trace() -> None:
    """As a close is looked at before all of its candles have come."""
    stream, plain = BookStream(MINUTE), BookStream(MINUTE)
    for one in (stream, plain):
        one.on_book(book(1))
        one.on_book(book(MINUTE))
    mark = stream.mark()
    seen = stream.row(2 * MINUTE)
    stream.on_book(book(3 * MINUTE, asks=((200.0, 1.0),)))
    stream.rewind(mark)
    for one in (stream, plain):
        one.on_book(book(2 * MINUTE - 1, asks=((111.0, 1.0),)))
    assert np.array_equal(stream.row(2 * MINUTE), plain.row(2 * MINUTE))
    assert not np.array_equal(seen, plain.row(2 * MINUTE))


def test_late_events_change_nothing() -> None:
    events = [book(1), book(MINUTE), book(2 * MINUTE)]
    late = [*events, book(MINUTE + 1, asks=((200.0, 1.0),))]
    assert row_of(late) == row_of(events)


# --- recorded books ---------------------------------------------------------------------------------------


def recorded(name: str, every: int) -> list[Book | Trade]:
    """Every so many-th book (20 levels) and all trades of a recording in the order they arrived, by receive time."""
    root = os.environ.get("TRADER_DATA")
    if not root:
        pytest.skip("TRADER_DATA is not set")
    path = Path(root) / "books" / name
    trades = columns_of(f"{path}-trades.parquet", "msg", "ts_recv_ns", "price", "size", "side")
    events = [(msg, trade(ns // 1_000_000, size, side == "buy")) for msg, ns, _, size, side in trades]
    levels = columns_of(
        f"{path}-l2.parquet", "msg", "ts_recv_ns", "last_update_id", "side", "price", "size", "is_snapshot"
    )
    snapshot = [row for row in levels if row[-1]]
    newer = [row for row in levels if not row[-1] and row[2] > snapshot[0][2]]
    books = book_events([*snapshot, *newer], every)
    return [event for _, event in sorted([*events, *books], key=lambda pair: pair[0])]


def columns_of(path: str, *names: str) -> list[tuple[Any, ...]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=list(names))
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def book_events(levels: list[tuple[Any, ...]], every: int) -> Iterator[tuple[int, Book | Trade]]:
    """Rebuild the book from level changes; the recordings are known to be without a hole."""
    sides: dict[str, dict[float, float]] = {"bid": {}, "ask": {}}
    for frame, (msg, rows) in enumerate(groupby(levels, key=lambda row: row[0])):
        changes = list(rows)
        for _, _, _, side, price, size, _ in changes:
            sides[side][price] = size
            if size == 0:
                del sides[side][price]
        if frame % every == 0:
            bids = tuple((price, sides["bid"][price]) for price in nlargest(20, sides["bid"]))
            asks = tuple((price, sides["ask"][price]) for price in nsmallest(20, sides["ask"]))
            yield msg, Book("X", changes[0][1] // 1_000_000, bids, asks)


@pytest.mark.recorded
@pytest.mark.parametrize("name", ["binance_spot/BTCUSDT-20240808T2354", "binance_usdm/ETHUSDT-20240718T2357"])
def test_recorded_books_stay_in_range_and_have_no_scale(name: str) -> None:
    events = recorded(name, every=10)
    first = events[0].ts_ms // MINUTE
    opened = np.arange(first, first + 8) * MINUTE
    matrix = book_matrix(events, opened, MINUTE)
    assert np.isnan(matrix[0]).all()
    assert np.isfinite(matrix[1:6]).all()
    for entry, column in zip(catalogue(groups=("books",))[len(CATALOGUE) :], matrix[1:6].T, strict=True):
        assert entry.range[0] <= column.min() <= column.max() <= entry.range[1], entry.name
    assert np.array_equal(matrix, book_matrix(map(scaled, events), opened, MINUTE), equal_nan=True)


def scaled(event: Book | Trade) -> Book | Trade:
    if isinstance(event, Trade):
        return Trade("X", event.ts_ms, event.trade_id, event.price * 1024, event.quantity * 64, event.buyer_is_taker)
    bids, asks = (tuple((p * 1024, q * 64) for p, q in side) for side in (event.bids, event.asks))
    return Book("X", event.ts_ms, bids, asks)


@pytest.mark.recorded
def test_books_in_a_live_stream_equal_the_recorded_ones() -> None:
    """Candles that end while books of the next one already arrive, as they do live."""
    events = recorded("binance_usdm/ETHUSDT-20240718T2357", every=20)
    first = events[0].ts_ms // MINUTE
    candles = random_candles(WARM_UP + 6)
    opened = (np.arange(WARM_UP + 6) + first - WARM_UP) * MINUTE
    stream = FeatureStream("1m", ("books",))
    assert stream.columns == column_names(groups=("books",))
    rows: list[Array | None] = []
    waiting = list(events)
    for values in zip(opened.tolist(), *(column.tolist() for column in candles[1:]), strict=True):
        while waiting and waiting[0].ts_ms < values[0] + MINUTE + 1_500:
            stream.learn(waiting.pop(0))
        rows.append(stream.update(*values))
    live = np.array([row for row in rows if row is not None])[:, len(CATALOGUE) :]
    assert np.array_equal(live, book_matrix(events, opened[WARM_UP:], MINUTE), equal_nan=True)
    assert np.isfinite(live[1:]).all()


def test_a_stream_without_the_group_takes_no_books() -> None:
    with pytest.raises(ValueError, match="no group that is made from Book"):
        FeatureStream("1m").learn(book(1))
    with pytest.raises(ValueError, match="no group that is made from Trade"):
        FeatureStream("1m").learn(trade(1, 1.0, True))
    assert "books" in GROUPS


def test_rows_nobody_asks_for_do_not_pile_up() -> None:
    stream = BookStream(MINUTE)
    for minute in range(100):
        stream.on_book(book(minute * MINUTE))
    assert np.isnan(stream.row(50 * MINUTE)).all()
    assert np.isfinite(stream.row(100 * MINUTE)).all()
