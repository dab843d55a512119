"""Stops that follow the price."""

from pathlib import Path

import pytest

from tests.unit.simulation.shop import BTC, BUY, SELL, SYMBOL, D, Shop
from trader.domain.market import Candle
from trader.domain.orders import OrderStatus, OrderType, Side
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.sim_orders import SimRequest, Trigger
from trader.simulation.records.store import SimulationStore


def trailing(
    side: Side, frac: str, stop_price: str | None = None, *, trigger: Trigger = "stop", price: str | None = None
) -> SimRequest:
    kind = OrderType.STOP_MARKET if price is None else OrderType.LIMIT
    limit = None if price is None else D(price)
    begins = None if stop_price is None else D(stop_price)
    return SimRequest(SYMBOL, "t", side, kind, D(1), limit, begins, trigger=trigger, trail_frac=D(frac))


def walk(shop: Shop, prices: tuple[float, ...]) -> None:
    for price in prices:
        shop.book(((price - 0.1, 9.0),), ((price + 0.1, 9.0),))


# (side, activation, trigger, prices that do not trigger, the price that does): the venue's own scenarios, scaled
SCENARIOS: tuple[tuple[Side, str, Trigger, str, tuple[float, ...], float], ...] = (
    (BUY, "110", "stop", "0.05", (92.5, 110.0, 112.5, 115.0, 105.0), 110.3),
    (SELL, "97.5", "stop", "0.1", (103.8, 97.5, 92.5, 102.5), 92.2),
    (BUY, "95", "take_profit", "0.085", (105.0, 95.0, 92.5, 97.5, 95.0), 100.4),
    (SELL, "105", "take_profit", "0.075", (103.8, 97.5, 105.0, 112.5, 110.0, 116.2), 107.4),
    (SELL, "", "stop", "0.07", (105.0, 98.8, 113.8), 105.7),
)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_it_follows_from_its_stop_price_on_and_triggers_on_the_way_back(
    scenario: tuple[Side, str, Trigger, str, tuple[float, ...], float],
) -> None:
    side, begins, trigger, frac, quiet, due = scenario
    shop = Shop()
    order, _ = shop.submit(trailing(side, frac, begins or None, trigger=trigger))
    walk(shop, quiet)
    assert shop.now(order).is_open
    walk(shop, (due,))
    filled = shop.now(order)
    assert (filled.status, filled.filled) == (OrderStatus.FILLED, D(1))
    assert shop.balance("USDT").locked == shop.balance("BTC").locked == 0


def test_it_can_rest_as_a_limit_once_it_is_triggered_and_be_cancelled_before() -> None:
    shop = Shop()
    order, _ = shop.submit(trailing(SELL, "0.02", price="99"))
    walk(shop, (110.0, 107.9, 107.7))
    assert shop.now(order).average_price == pytest.approx(D("107.6"))
    waiting, _ = shop.submit(trailing(BUY, "0.02"))
    assert shop.balance("USDT").locked == waiting.stop_price == D("109.9")
    walk(shop, (100.0, 101.0))
    shop.exchange.cancel(SYMBOL, shop.tick(), client_id="t")
    assert shop.balance("USDT").locked == 0


def test_what_it_has_seen_survives_a_restart(tmp_path: Path) -> None:
    store = SimulationStore(tmp_path / "exchange.db")
    shop = Shop(store)
    order, _ = shop.submit(trailing(SELL, "0.05"))
    walk(shop, (120.0, 116.0))
    shop.exchange.checkpoint()
    store.close()
    again = Shop(SimulationStore(tmp_path / "exchange.db"), with_book=False)
    walk(again, (114.1,))
    assert again.now(order).is_open
    walk(again, (113.9,))
    assert again.now(order).status is OrderStatus.FILLED


def test_where_only_candles_are_it_follows_from_one_to_the_next() -> None:
    exchange = SimulatedExchange({SYMBOL: BTC}, opening_balances={"BTC": D(1)}, candle_slippage_frac=0.0)

    def candle(minute: int, high: float, low: float) -> None:
        exchange.on_candle(Candle(SYMBOL, minute * 60_000, minute * 60_000 + 60_000, high, high, low, low, 50.0))

    candle(0, 100.0, 100.0)
    order, _ = exchange.submit(trailing(SELL, "0.05"), 60_000)
    candle(1, 120.0, 118.0)
    candle(2, 119.0, 114.1)
    assert [each.exchange_id for each in exchange.open_orders()] == [order.exchange_id]
    candle(3, 116.0, 110.0)
    assert exchange.trades(SYMBOL)[0].price == D("114")


def test_a_trail_out_of_range_or_without_a_price_to_follow_is_refused() -> None:
    assert Shop().refused(trailing(SELL, "1")) == "bad_request"
    assert Shop(with_book=False).refused(trailing(SELL, "0.05")) == "no_liquidity"
