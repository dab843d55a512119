"""Public REST of Binance spot: instruments, candles, books, trades, tickers."""

from trader.domain.instrument import Instrument
from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.market_data import chosen, one_or_many, rate_limit
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.spot.desk import SpotDesk
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import SymbolMarket

ORDER_TYPES = (
    "LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT",
)  # fmt: skip
MOST_OPEN_ORDERS = 200  # per symbol
MOST_OPEN_STOPS = 5
LEAST_TRAIL, MOST_TRAIL = 10, 2_000  # trailingDelta, hundredths of a percent


def exchange_info(desk: SpotDesk, params: Params) -> object:
    return {
        "timezone": "UTC",
        "serverTime": desk.clock.now_ms(),
        "rateLimits": [
            rate_limit("REQUEST_WEIGHT", "MINUTE", 1, desk.limiter.limit),
            rate_limit("ORDERS", "SECOND", 10, 100),
            rate_limit("ORDERS", "DAY", 1, 200_000),
            rate_limit("RAW_REQUESTS", "MINUTE", 5, 61_000),
        ],
        "exchangeFilters": [],
        "symbols": [_symbol(desk, market) for market in chosen(desk, params)],
        "sors": [],
    }


def depth(desk: SpotDesk, params: Params) -> object:
    book = desk.symbol(params).book
    bids, asks = book.pairs(params.limit(100, 5_000))
    return {"lastUpdateId": book.update_id, "bids": bids, "asks": asks}


def depth_weight(params: Params) -> int:
    limit = params.limit(100, 5_000)
    return next((weight for most, weight in ((100, 5), (500, 25), (1_000, 50)) if limit <= most), 250)


def trades(desk: SpotDesk, params: Params) -> object:
    return [{**row, "isBestMatch": True} for row in market_data.recent_trades(desk, params)]


def aggregate_trades(desk: SpotDesk, params: Params) -> object:
    return [{**row, "M": True} for row in market_data.aggregates(desk, params)]


def day_ticker(desk: SpotDesk, params: Params) -> object:
    return one_or_many(desk, params, lambda market: market_data.day(desk, market))


def book_ticker(desk: SpotDesk, params: Params) -> object:
    return one_or_many(desk, params, market_data.best)


def price_ticker(desk: SpotDesk, params: Params) -> object:
    return one_or_many(desk, params, market_data.last_price)


def average_price(desk: SpotDesk, params: Params) -> object:
    market = desk.symbol(params)
    rows = market.series.window(desk.market.base_ms, start_ms=None, end_ms=None, limit=5)
    volume = float(rows[:, 5].sum())
    average = float(rows[:, 6].sum()) / volume if volume else market.series.last_price
    return {"mins": 5, "price": text(round(average, 8)), "closeTime": desk.clock.now_ms()}


def empty_exchange_info(desk: SpotDesk, _params: Params) -> object:
    """COIN-M futures and options are not listed here."""
    return {
        "timezone": "UTC",
        "serverTime": desk.clock.now_ms(),
        "rateLimits": [],
        "exchangeFilters": [],
        "symbols": [],
    }


def empty_list(_venue: SpotDesk, _params: Params) -> object:
    return []


def _symbol(desk: SpotDesk, market: SymbolMarket) -> dict[str, object]:
    instrument = desk.exchange.instrument(market.symbol)
    return {
        "symbol": market.id,
        "status": "BREAK" if desk.faults.is_halted(market.symbol) else "TRADING",
        "baseAsset": instrument.base,
        "baseAssetPrecision": 8,
        "quoteAsset": instrument.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": list(ORDER_TYPES),
        "icebergAllowed": False,
        "ocoAllowed": False,
        "otoAllowed": False,
        "opoAllowed": False,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": False,
        "pegInstructionsAllowed": False,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": _filters(instrument),
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "NONE",
        "allowedSelfTradePreventionModes": ["NONE"],
    }


def _filters(instrument: Instrument) -> list[dict[str, object]]:
    tick, step, most = text(instrument.price_tick), text(instrument.quantity_step), text(instrument.max_quantity)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": text(instrument.min_quantity), "maxQty": most, "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "0.00000000", "maxQty": most, "stepSize": "0.00000000"},
        {
            "filterType": "NOTIONAL", "minNotional": text(instrument.min_notional), "applyMinToMarket": True,
            "maxNotional": "9000000.00000000", "applyMaxToMarket": False, "avgPriceMins": 5,
        },
        {
            "filterType": "TRAILING_DELTA", "minTrailingAboveDelta": LEAST_TRAIL, "maxTrailingAboveDelta": MOST_TRAIL,
            "minTrailingBelowDelta": LEAST_TRAIL, "maxTrailingBelowDelta": MOST_TRAIL,
        },
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": MOST_OPEN_ORDERS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": MOST_OPEN_STOPS},
    ]  # fmt: skip
