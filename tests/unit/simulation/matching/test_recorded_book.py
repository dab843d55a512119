"""The matching against ten minutes of a real order book with its real trades."""

import heapq
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.simulation.shop import BUY, SELL, D
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Levels
from trader.domain.orders import OrderType, Side
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.sim_orders import SimRequest

SYMBOL = "BTC/USDT"
BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    kind=InstrumentKind.SPOT,
    price_tick=D("0.01"),
    quantity_step=D("0.00001"),
    min_quantity=D("0.00001"),
    max_quantity=D(9000),
    min_notional=D(5),
    maker_fee_frac=0.001,
    taker_fee_frac=0.001,
)
FRAMES = 2_500  # four minutes
FRAMES_A_QUOTE = 50  # our orders are moved to the touch every 5 s
SIZE = D("0.02")


@pytest.fixture
def folder() -> Path:
    root = os.environ.get("TRADER_DATA")
    if not root:
        pytest.skip("TRADER_DATA is not set")
    return Path(root) / "books" / "binance_spot"


def rows(path: Path) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    table: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return table


def top(levels: dict[float, float], side: Side) -> Levels:
    best = heapq.nlargest(20, levels) if side is BUY else heapq.nsmallest(20, levels)
    return tuple((price, levels[price]) for price in best)


def recorded(folder: Path) -> Iterator[tuple[int, Levels, Levels] | tuple[int, float, float, bool]]:
    """Books (ms, bids, asks) and trades (ms, price, quantity, buyer_is_taker) in the order they arrived."""
    name = "BTCUSDT-20240808T2354"
    frames: dict[int, list[dict[str, Any]]] = {}
    for row in rows(folder / f"{name}-l2.parquet"):
        frames.setdefault(row["msg"], []).append(row)
    trades = {row["msg"]: row for row in rows(folder / f"{name}-trades.parquet")}
    snapshot = next(msg for msg, frame in frames.items() if frame[0]["is_snapshot"])
    last_id = frames[snapshot][0]["last_update_id"]
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for msg in sorted({snapshot, *frames, *trades}, key=lambda number: (number != snapshot, number)):
        if msg in trades and msg > snapshot:
            trade = trades[msg]
            yield trade["ts_exch_ms"], trade["price"], trade["size"], trade["side"] == "buy"
        frame = frames.get(msg)
        if frame is None or (msg != snapshot and frame[0]["last_update_id"] <= last_id):
            continue
        for row in frame:
            levels = bids if row["side"] == "bid" else asks
            if row["size"]:
                levels[row["price"]] = row["size"]
            else:
                levels.pop(row["price"], None)
        yield frame[0]["ts_exch_ms"] or 0, top(bids, BUY), top(asks, SELL)


class Quoter:
    """Rests a buy and a sell at the touch, and keeps, apart from the exchange, what could have reached each of them."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self.exchange = exchange
        self.placed = 0
        self.price: dict[str, float] = {}
        self.side: dict[str, Side] = {}
        self.reached: dict[str, float] = {}

    def quote(self, now_ms: int, bid: float, ask: float) -> None:
        for order in self.exchange.open_orders():
            self.exchange.cancel(SYMBOL, now_ms, exchange_id=order.exchange_id)
        for side, price in ((BUY, bid), (SELL, ask)):
            name = f"q{self.placed}"
            self.placed += 1
            request = SimRequest(SYMBOL, name, side, OrderType.LIMIT, SIZE, D(str(price)), post_only=True)
            self.exchange.submit(request, now_ms)
            self.price[name], self.side[name], self.reached[name] = price, side, 0.0

    def see_book(self, bids: Levels, asks: Levels) -> None:
        for order in self.exchange.open_orders():
            name = order.client_id
            levels = asks if order.side is BUY else bids
            self.reached[name] += sum(q for p, q in levels if order.side.sign * (self.price[name] - p) >= 0)

    def see_trade(self, price: float, quantity: float, buyer_is_taker: bool) -> None:
        hit = SELL if buyer_is_taker else BUY
        for order in self.exchange.open_orders():
            if order.side is hit and order.side.sign * (self.price[order.client_id] - price) >= 0:
                self.reached[order.client_id] += quantity


@pytest.mark.recorded
def test_passive_orders_fill_no_more_than_what_really_came_to_them(folder: Path) -> None:
    exchange = SimulatedExchange({SYMBOL: BTC}, opening_balances={"USDT": D(10**6), "BTC": D(20)})
    quoter = Quoter(exchange)
    frames = 0
    for event in recorded(folder):
        if len(event) == 3:
            now_ms, bids, asks = event
            assert bids[0][0] < asks[0][0]
            quoter.see_book(bids, asks)
            exchange.on_book(SYMBOL, now_ms, bids, asks)
            if frames % FRAMES_A_QUOTE == 0:
                quoter.quote(now_ms, bids[0][0], asks[0][0])
            frames += 1
        else:
            now_ms, price, quantity, buyer_is_taker = event
            quoter.see_trade(price, quantity, buyer_is_taker)
            exchange.on_trade(SYMBOL, now_ms, price, quantity, buyer_is_taker)
        if frames == FRAMES:
            break
    orders = exchange.orders(SYMBOL)
    assert len(orders) == 2 * FRAMES // FRAMES_A_QUOTE
    for order in orders:
        assert float(order.filled) <= quoter.reached[order.client_id] + 1e-9
    assert all(trade.is_maker for trade in exchange.trades(SYMBOL))
    filled = sum(order.filled == order.quantity for order in orders) / len(orders)
    assert 0.1 < filled < 0.9  # neither never (stuck) nor always (no queue)


@pytest.mark.recorded
def test_a_market_order_pays_what_the_real_book_asked(folder: Path) -> None:
    bought = 0
    for number, event in enumerate(recorded(folder)):
        if len(event) != 3 or number % 20:
            continue
        now_ms, bids, asks = event
        exchange = SimulatedExchange({SYMBOL: BTC}, opening_balances={"USDT": D(10**6)})
        exchange.on_book(SYMBOL, now_ms, bids, asks)
        order, _ = exchange.submit(SimRequest(SYMBOL, "", BUY, OrderType.MARKET, D("0.7")), now_ms)
        left, paid = 0.7, 0.0
        for price, size in asks:
            paid += min(left, size) * price
            left -= min(left, size)
        assert float(order.filled_quote) == pytest.approx(paid, rel=1e-9)
        bought += 1
        if bought == 100:
            return
    pytest.fail("the recording is too short")
