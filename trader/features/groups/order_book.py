"""Order books and trades: what they looked like at the candle's close and what flowed through them during it.

One kernel sees each book once, live or recorded. A candle's columns are NaN when no book of it was seen, and for the
first candle of a series, of which the beginning may be missing.
"""

import numpy as np

from trader.features.columns import Family
from trader.features.compiled import Record, entry_point, kernel
from trader.features.windows import ratio

DEPTH = 20
"""Levels per side that are looked at."""

CONT = "Cont, Kukanov and Stoikov, Journal of Financial Econometrics 12 (2014)"

COLUMNS = Family("order book", group="books")
COLUMNS.model_input("book_spread", "(best ask - best bid) / mid of the newest book", 1, low=0)
COLUMNS.model_input("book_spread_mean", "mean of book_spread over the candle's books", 1, low=0)
for _n in (1, 5, 20):
    COLUMNS.model_input(
        f"book_imbalance_{_n}",
        f"(bid - ask) / (bid + ask) quantity of the best {_n} levels of the newest book",
        1,
        "share",
        -1,
        1,
    )
COLUMNS.model_input("book_imbalance_mean", "mean of book_imbalance_5 over the candle's books", 1, "share", -1, 1)
COLUMNS.model_input(
    "microprice_dev",
    "(m - mid) / mid, m = (bid * ask quantity + ask * bid quantity) / both quantities at the best level",
    1,
    source="Stoikov, Quantitative Finance 18 (2018)",
)
COLUMNS.model_input(
    "depth_reach", "mean distance of the 20 levels of both sides from mid, weighted by quantity, / mid", 1, low=0
)
COLUMNS.model_input(
    "depth_slope",
    "(b - a) / (b + a) of how fast each side's quantity grows with distance: quantity / its mean distance from mid",
    1,
    "share",
    -1,
    1,
    "after Naes and Skjeltorp, Journal of Financial Markets 9 (2006)",
)
COLUMNS.model_input(
    "order_flow_imbalance",
    "sum over the candle of what the best levels gained (bid counts +, ask -) / their mean quantity",
    1,
    "best levels",
    source=CONT,
)
COLUMNS.model_input(
    "trade_flow_imbalance",
    "(bought - sold) / traded quantity of the candle by who crossed the spread; 0 without trades",
    1,
    "share",
    -1,
    1,
)

ROW = COLUMNS.row
WIDTH = len(COLUMNS.features)

BOOK = np.dtype(
    [
        ("books", np.int64),  # of the candle being built
        ("has_before", np.bool_),  # a book was seen, in this candle or before
        ("bid", np.float64),  # best levels of the newest book
        ("bid_size", np.float64),
        ("ask", np.float64),
        ("ask_size", np.float64),
        ("spread_sum", np.float64),
        ("imbalance_sum", np.float64),
        ("size_sum", np.float64),  # mean of both best quantities
        ("flow", np.float64),
        ("bought", np.float64),
        ("sold", np.float64),
        ("newest", ROW),  # what the newest book alone decides
    ]
)


@entry_point
def see_book(state: np.ndarray, bids: np.ndarray, asks: np.ndarray) -> None:
    """Take one book; `bids` and `asks` (n, 2) price and quantity, best first, n >= 1."""
    one = state[0]
    if one.has_before:
        one.flow += _flow(one, bids[0, 0], bids[0, 1], asks[0, 0], asks[0, 1])
    one.has_before = True
    one.bid, one.bid_size = bids[0]
    one.ask, one.ask_size = asks[0]
    _measure(one, bids, asks, one.newest)
    one.books += 1
    one.spread_sum += one.newest.book_spread
    one.imbalance_sum += one.newest.book_imbalance_5
    one.size_sum += (one.bid_size + one.ask_size) / 2.0


@entry_point
def see_trade(state: np.ndarray, quantity: float, buyer_is_taker: bool) -> None:
    """Take one trade."""
    if buyer_is_taker:
        state[0].bought += quantity
    else:
        state[0].sold += quantity


@entry_point
def end_candle(state: np.ndarray, rows: np.ndarray) -> None:
    """Write the candle's columns into `rows` (1,) of ROW if it saw a book, and begin the next one."""
    one = state[0]
    row = rows[0]
    if one.books > 0:
        _copy(one.newest, row)
        row.book_spread_mean = one.spread_sum / one.books
        row.book_imbalance_mean = one.imbalance_sum / one.books
        row.order_flow_imbalance = ratio(one.flow, one.size_sum / one.books, 0.0)
        row.trade_flow_imbalance = ratio(one.bought - one.sold, one.bought + one.sold, 0.0)
    one.books = 0
    one.spread_sum = one.imbalance_sum = one.size_sum = 0.0
    one.flow = one.bought = one.sold = 0.0


@kernel
def _flow(one: Record, bid: float, bid_size: float, ask: float, ask_size: float) -> float:
    """Cont, Kukanov and Stoikov's contribution of one change of the best levels."""
    result = 0.0
    if bid >= one.bid:
        result += bid_size
    if bid <= one.bid:
        result -= one.bid_size
    if ask <= one.ask:
        result -= ask_size
    if ask >= one.ask:
        result += one.ask_size
    return result


@kernel
def _measure(one: Record, bids: np.ndarray, asks: np.ndarray, row: Record) -> None:
    mid = (one.bid + one.ask) / 2.0
    row.book_spread = (one.ask - one.bid) / mid
    row.book_imbalance_1 = _imbalance(bids, asks, 1)
    row.book_imbalance_5 = _imbalance(bids, asks, 5)
    row.book_imbalance_20 = _imbalance(bids, asks, DEPTH)
    lean = (one.bid_size - one.ask_size) / (one.bid_size + one.ask_size)
    row.microprice_dev = 0.5 * row.book_spread * lean  # the formula of the catalogue, without its cancellation
    bid_quantity, bid_moment = _moment(bids, mid)
    ask_quantity, ask_moment = _moment(asks, mid)
    row.depth_reach = (bid_moment + ask_moment) / (bid_quantity + ask_quantity) / mid
    # quantity / mean distance = quantity^2 / moment, both sides brought to one denominator
    rising = bid_quantity * bid_quantity * ask_moment
    falling = ask_quantity * ask_quantity * bid_moment
    row.depth_slope = ratio(rising - falling, rising + falling, 0.0)


@kernel
def _imbalance(bids: np.ndarray, asks: np.ndarray, levels: int) -> float:
    wanted = 0.0
    offered = 0.0
    for i in range(min(levels, bids.shape[0])):
        wanted += bids[i, 1]
    for i in range(min(levels, asks.shape[0])):
        offered += asks[i, 1]
    return (wanted - offered) / (wanted + offered)


@kernel
def _moment(levels: np.ndarray, mid: float) -> tuple[float, float]:
    """(quantity, sum of quantity * distance from mid) of the side."""
    quantity = 0.0
    moment = 0.0
    for i in range(min(DEPTH, levels.shape[0])):
        quantity += levels[i, 1]
        moment += levels[i, 1] * abs(levels[i, 0] - mid)
    return quantity, moment


@kernel
def _copy(source: Record, row: Record) -> None:
    row.book_spread = source.book_spread
    row.book_imbalance_1 = source.book_imbalance_1
    row.book_imbalance_5 = source.book_imbalance_5
    row.book_imbalance_20 = source.book_imbalance_20
    row.microprice_dev = source.microprice_dev
    row.depth_reach = source.depth_reach
    row.depth_slope = source.depth_slope


def compile_kernels() -> None:
    """Compile, or load from the cache."""
    state = np.zeros(1, BOOK)
    see_book(state, np.ones((1, 2)), np.ones((1, 2)))
    see_trade(state, 1.0, True)
    end_candle(state, np.empty((1, WIDTH)).view(ROW)[:, 0])
