"""Which path of the perpetual exchange does what, at what weight, behind which check."""

from collections.abc import Callable

from aiohttp import web

from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.endpoint import Endpoint, Endpoints, answered, signed
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm import rest_account, rest_algo, rest_market, rest_orders, rest_settings
from trader.sandbox.binance.usdm.desk import USDM, UsdmDesk


def _weighs(with_symbol: int, without: int) -> Callable[[Params], int]:
    def weight(params: Params) -> int:
        return with_symbol if params.optional("symbol") else without

    return weight


def _klines_weight(params: Params) -> int:
    limit = params.limit(500, 1_500)
    return next((weight for most, weight in ((99, 1), (499, 2), (1_000, 5)) if limit <= most), 10)


_USDM: Endpoints[UsdmDesk] = {
    ("GET", "/fapi/v1/ping"): Endpoint(market_data.ping, 1),
    ("GET", "/fapi/v1/time"): Endpoint(market_data.server_time, 1),
    ("GET", "/fapi/v1/exchangeInfo"): Endpoint(rest_market.exchange_info, 1),
    ("GET", "/fapi/v1/klines"): Endpoint(market_data.klines, _klines_weight),
    ("GET", "/fapi/v1/depth"): Endpoint(rest_market.depth, rest_market.depth_weight),
    ("GET", "/fapi/v1/trades"): Endpoint(market_data.recent_trades, 5),
    ("GET", "/fapi/v1/aggTrades"): Endpoint(market_data.aggregates, 20),
    ("GET", "/fapi/v1/ticker/24hr"): Endpoint(rest_market.day_ticker, _weighs(1, 40)),
    ("GET", "/fapi/v1/ticker/bookTicker"): Endpoint(rest_market.book_ticker, _weighs(2, 5)),
    ("GET", "/fapi/v1/ticker/price"): Endpoint(rest_market.price_ticker, _weighs(1, 2)),
    ("GET", "/fapi/v2/ticker/price"): Endpoint(rest_market.price_ticker, _weighs(1, 2)),
    ("GET", "/fapi/v1/premiumIndex"): Endpoint(rest_market.premium_index, _weighs(1, 10)),
    ("GET", "/fapi/v1/fundingRate"): Endpoint(rest_market.funding_rate, 1),
    ("GET", "/fapi/v1/fundingInfo"): Endpoint(rest_market.funding_info, 1),
    ("GET", "/fapi/v1/openInterest"): Endpoint(rest_market.open_interest, 1),
    ("GET", "/fapi/v2/account"): signed(rest_account.account_v2, 5),
    ("GET", "/fapi/v3/account"): signed(rest_account.account, 5),
    ("GET", "/fapi/v2/balance"): signed(rest_account.balance, 5),
    ("GET", "/fapi/v3/balance"): signed(rest_account.balance, 5),
    ("GET", "/fapi/v2/positionRisk"): signed(rest_account.position_risk_v2, 5),
    ("GET", "/fapi/v3/positionRisk"): signed(rest_account.position_risk, 5),
    ("GET", "/fapi/v1/leverageBracket"): signed(rest_settings.leverage_brackets, 1),
    ("POST", "/fapi/v1/leverage"): signed(rest_settings.set_leverage, 1),
    ("POST", "/fapi/v1/marginType"): signed(rest_settings.set_margin_type, 1),
    ("POST", "/fapi/v1/positionMargin"): signed(rest_settings.add_margin, 1),
    ("GET", "/fapi/v1/positionSide/dual"): signed(rest_settings.position_mode, 30),
    ("POST", "/fapi/v1/positionSide/dual"): signed(rest_settings.set_position_mode, 1),
    ("GET", "/fapi/v1/multiAssetsMargin"): signed(rest_settings.asset_mode, 30),
    ("POST", "/fapi/v1/multiAssetsMargin"): signed(rest_settings.set_asset_mode, 1),
    ("GET", "/fapi/v1/symbolConfig"): signed(rest_settings.symbol_config, 5),
    ("GET", "/fapi/v1/accountConfig"): signed(rest_settings.account_config, 5),
    ("GET", "/fapi/v1/commissionRate"): signed(rest_settings.commission_rate, 20),
    ("GET", "/fapi/v1/adlQuantile"): signed(rest_account.adl_quantile, 5),
    ("GET", "/fapi/v1/income"): signed(rest_settings.incomes, 30),
    ("POST", "/fapi/v1/order"): signed(rest_orders.new_order, 1),
    ("POST", "/fapi/v1/order/test"): signed(rest_orders.check_order, 1),
    ("PUT", "/fapi/v1/order"): signed(rest_orders.amend_order, 1),
    ("DELETE", "/fapi/v1/order"): signed(rest_orders.cancel_order, 1),
    ("GET", "/fapi/v1/order"): signed(rest_orders.query_order, 1),
    ("GET", "/fapi/v1/openOrder"): signed(rest_orders.query_open_order, 1),
    ("GET", "/fapi/v1/openOrders"): Endpoint(rest_orders.open_orders, _weighs(1, 40), "signed"),
    ("DELETE", "/fapi/v1/allOpenOrders"): signed(rest_orders.cancel_all, 1),
    ("POST", "/fapi/v1/countdownCancelAll"): signed(rest_orders.cancel_all_after, 10),
    ("GET", "/fapi/v1/allOrders"): signed(rest_orders.all_orders, 5),
    ("GET", "/fapi/v1/userTrades"): signed(rest_orders.user_trades, 5),
    ("GET", "/fapi/v1/forceOrders"): Endpoint(rest_orders.force_orders, _weighs(20, 50), "signed"),
    ("POST", "/fapi/v1/algoOrder"): signed(rest_algo.new_algo_order, 1),
    ("DELETE", "/fapi/v1/algoOrder"): signed(rest_algo.cancel_algo_order, 1),
    ("GET", "/fapi/v1/algoOrder"): signed(rest_algo.query_algo_order, 1),
    ("GET", "/fapi/v1/openAlgoOrders"): Endpoint(rest_algo.open_algo_orders, _weighs(1, 40), "signed"),
    ("GET", "/fapi/v1/allAlgoOrders"): signed(rest_algo.all_algo_orders, 5),
    ("DELETE", "/fapi/v1/algoOpenOrders"): signed(rest_algo.cancel_all_algo_orders, 1),
    ("POST", "/fapi/v1/listenKey"): Endpoint(rest_settings.start_stream, 1, "key"),
    ("PUT", "/fapi/v1/listenKey"): Endpoint(rest_settings.keep_stream, 1, "key"),
    ("DELETE", "/fapi/v1/listenKey"): Endpoint(rest_settings.end_stream, 1, "key"),
}


async def rest(request: web.Request) -> web.Response:
    """Answer one REST request."""
    return await answered(request, request.app[USDM], _USDM)
