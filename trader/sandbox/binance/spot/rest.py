"""Which path of the spot exchange does what, at what weight, behind which check."""

from aiohttp import web

from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.endpoint import Endpoint, Endpoints, answered, signed
from trader.sandbox.binance.spot import rest_account, rest_market, rest_orders
from trader.sandbox.binance.spot.desk import SPOT, SpotDesk

_SPOT: Endpoints[SpotDesk] = {
    ("GET", "/api/v3/ping"): Endpoint(market_data.ping, 1),
    ("GET", "/api/v3/time"): Endpoint(market_data.server_time, 1),
    ("GET", "/api/v3/exchangeInfo"): Endpoint(rest_market.exchange_info, 20),
    ("GET", "/api/v3/klines"): Endpoint(market_data.klines, 2),
    ("GET", "/api/v3/uiKlines"): Endpoint(market_data.klines, 2),
    ("GET", "/api/v3/depth"): Endpoint(rest_market.depth, rest_market.depth_weight),
    ("GET", "/api/v3/trades"): Endpoint(rest_market.trades, 25),
    ("GET", "/api/v3/aggTrades"): Endpoint(rest_market.aggregate_trades, 4),
    ("GET", "/api/v3/avgPrice"): Endpoint(rest_market.average_price, 2),
    ("GET", "/api/v3/ticker/24hr"): Endpoint(rest_market.day_ticker, 2),
    ("GET", "/api/v3/ticker/bookTicker"): Endpoint(rest_market.book_ticker, 2),
    ("GET", "/api/v3/ticker/price"): Endpoint(rest_market.price_ticker, 2),
    ("GET", "/api/v3/account"): signed(rest_account.account, 20),
    ("POST", "/api/v3/order"): signed(rest_orders.new_order, 1),
    ("POST", "/api/v3/order/test"): signed(rest_orders.check_order, 1),
    ("DELETE", "/api/v3/order"): signed(rest_orders.cancel_order, 1),
    ("GET", "/api/v3/order"): signed(rest_orders.query_order, 4),
    ("POST", "/api/v3/order/cancelReplace"): signed(rest_orders.cancel_replace, 1),
    ("GET", "/api/v3/openOrders"): signed(rest_orders.open_orders, 6),
    ("DELETE", "/api/v3/openOrders"): signed(rest_orders.cancel_all, 1),
    ("GET", "/api/v3/allOrders"): signed(rest_orders.all_orders, 20),
    ("GET", "/api/v3/myTrades"): signed(rest_orders.my_trades, 20),
    ("GET", "/sapi/v1/system/status"): Endpoint(rest_account.system_status, 1),
    ("GET", "/sapi/v1/capital/config/getall"): signed(rest_account.coins, 10),
    ("GET", "/sapi/v1/asset/tradeFee"): signed(rest_account.trade_fees, 1),
    ("GET", "/sapi/v1/account/apiRestrictions"): signed(rest_account.key_permissions, 1),
    ("GET", "/sapi/v1/margin/allPairs"): Endpoint(rest_market.empty_list, 1, "key"),
    ("GET", "/sapi/v1/margin/allAssets"): Endpoint(rest_market.empty_list, 1, "key"),
    ("GET", "/sapi/v1/margin/isolated/allPairs"): signed(rest_market.empty_list, 10),
    ("GET", "/dapi/v1/exchangeInfo"): Endpoint(rest_market.empty_exchange_info, 1),
    ("GET", "/eapi/v1/exchangeInfo"): Endpoint(rest_market.empty_exchange_info, 1),
}


async def rest(request: web.Request) -> web.Response:
    """Answer one REST request."""
    return await answered(request, request.app[SPOT], _SPOT)
