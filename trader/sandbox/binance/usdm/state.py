"""The perpetual exchange's own truth, for GET /sandbox/state."""

from trader.sandbox.binance.usdm import rest_account
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.binance.usdm.wire import account_trade, income, queried_conditional, queried_order
from trader.sandbox.market.numbers import text
from trader.simulation.records.sim_orders import SimOrder


def state(desk: UsdmDesk) -> dict[str, object]:
    """Wallets, positions, every order (conditional ones too), fill and wallet movement, prices."""
    exchange, symbols = desk.exchange, desk.market.symbols
    orders = {order.exchange_id: order for symbol in symbols for order in exchange.orders(symbol)}
    return {
        "symbols": {
            symbol: {"last_price": text(market.series.last_price), "mark_price": text(exchange.mark(symbol))}
            for symbol, market in symbols.items()
        },
        "account": rest_account.assets(desk),
        "positions": rest_account.positions(desk),
        "orders": [queried_order(order) for order in orders.values()],
        "algo_orders": _algo_orders(desk, orders),
        "fills": [account_trade(trade) for symbol in symbols for trade in exchange.trades(symbol)],
        "incomes": [income(movement) for movement in exchange.incomes()],
    }


def _algo_orders(desk: UsdmDesk, orders: dict[int, SimOrder]) -> list[dict[str, object]]:
    found = [each for symbol in desk.market.symbols for each in desk.exchange.conditionals(symbol)]
    return [queried_conditional(each, orders.get(each.order_id)) for each in found]
