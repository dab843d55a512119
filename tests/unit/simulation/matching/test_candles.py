"""Matching against candles where no book exists: never better than the candle proves."""

from tests.unit.simulation.shop import BUY, SELL, SYMBOL, D, Shop, limit, market, stop
from trader.domain.market import Candle
from trader.domain.orders import OrderStatus


class CandleShop(Shop):
    """Only candles of a minute; orders arrive when the next one opens or, late, inside it."""

    def __init__(self) -> None:
        super().__init__(with_book=False)
        self.next_open_ms = 60_000
        self.is_late = False

    def tick(self) -> int:
        return self.next_open_ms + 10 if self.is_late else self.next_open_ms

    def candle(
        self, open_: float, high: float, low: float, close: float, volume: float = 10.0, *, is_gap: bool = False
    ) -> None:
        opened = self.next_open_ms
        self.next_open_ms = opened + 60_000
        self.exchange.on_candle(Candle(SYMBOL, opened, opened + 60_000, open_, high, low, close, volume, is_gap))


def started() -> CandleShop:
    shop = CandleShop()
    shop.candle(100, 101, 99, 100)
    return shop


def test_a_market_order_pays_the_slippage_around_the_close_and_at_most_the_volume() -> None:
    shop = started()
    buy, [bought] = shop.submit(market(BUY, "12"))
    assert (bought.price, bought.quantity, buy.status) == (D("100.1"), D(10), OrderStatus.EXPIRED)
    _, [sold] = shop.submit(market(SELL, "1"))
    assert sold.price == D("99.9")


def test_a_limit_fills_only_when_traded_through_at_its_own_price() -> None:
    shop = started()
    order, _ = shop.submit(limit(BUY, "1", "99"))
    shop.candle(100, 100, 99, 99.5)
    assert shop.now(order).filled == 0
    shop.candle(99.5, 100, 98.9, 99.5)
    assert (shop.now(order).status, shop.now(order).average_price) == (OrderStatus.FILLED, D(99))


def test_a_candle_fills_at_most_its_volume() -> None:
    shop = started()
    order, _ = shop.submit(limit(BUY, "5", "99"))
    shop.candle(100, 100, 98, 99.5, volume=2.0)
    assert shop.now(order).filled == D(2)


def test_an_order_placed_inside_the_candle_does_not_meet_its_range() -> None:
    shop = started()
    shop.is_late = True
    late_limit, _ = shop.submit(limit(BUY, "1", "99"))
    late_stop, _ = shop.submit(stop(SELL, "1", "98"))
    shop.candle(100, 100, 90, 99.5)
    assert shop.now(late_limit).filled == 0
    assert shop.now(late_stop).is_open


def test_a_stop_fills_at_its_price_made_worse_by_the_slippage() -> None:
    shop = started()
    order, _ = shop.submit(stop(SELL, "1", "99"))
    shop.candle(100, 101, 98, 100.5)
    assert shop.now(order).average_price == D("98.9")  # 99 x 0.9995 rounded down to the tick


def test_a_gap_through_the_stop_fills_at_the_open() -> None:
    shop = started()
    order, _ = shop.submit(stop(SELL, "1", "99"))
    shop.candle(95, 96, 94, 95.5)
    assert shop.now(order).average_price == D("94.9")


def test_a_stop_and_a_target_in_one_candle_take_the_stop() -> None:
    shop = started()
    protective, _ = shop.submit(stop(SELL, "5", "98", name="stop"))
    target, _ = shop.submit(limit(SELL, "5", "102", name="target"))
    shop.candle(100, 103, 97, 100, volume=5.0)
    assert shop.now(protective).status is OrderStatus.FILLED
    assert shop.now(target).filled == 0


def test_two_stops_share_the_volume_of_one_candle() -> None:
    shop = started()
    first, _ = shop.submit(stop(SELL, "2", "98", name="first"))
    second, _ = shop.submit(stop(SELL, "2", "98.5", name="second"))
    shop.candle(100, 100, 97, 99, volume=3.0)
    assert (shop.now(first).filled, shop.now(second).filled) == (D(2), D(1))


def test_a_gap_candle_trades_nothing() -> None:
    shop = started()
    order, _ = shop.submit(limit(BUY, "1", "99"))
    shop.candle(100, 100, 100, 100, volume=0.0, is_gap=True)
    assert shop.now(order).filled == 0


def test_candles_are_ignored_where_there_is_a_book() -> None:
    shop = Shop()
    order, _ = shop.submit(limit(BUY, "1", "99"))
    shop.exchange.on_candle(Candle(SYMBOL, 60_000, 120_000, 100, 101, 90, 91, 50.0))
    assert shop.now(order).filled == 0
