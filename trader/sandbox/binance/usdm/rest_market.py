"""Public REST of Binance USD-M: instruments, candles, books, trades, tickers, mark prices, funding."""

from trader.domain.units import HOUR_MS
from trader.sandbox.binance.protocol import market_data
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.protocol.ticker import DayStatistics
from trader.sandbox.binance.usdm.desk import ORDERS_PER_10_S, WEIGHT_PER_MINUTE, UsdmDesk
from trader.sandbox.market.listing import Listing, decimals
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.simulation.derivatives.funding import FUNDING_MS, INTEREST_FRAC, RATE_CAP_FRAC
from trader.simulation.derivatives.liquidation import LIQUIDATION_FEE_FRAC
from trader.simulation.derivatives.perpetual import PRICE_BAND_FRAC

ORDER_TYPES = ("LIMIT", "MARKET", "STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET")
MOST_OPEN_ORDERS = 200  # per symbol
MOST_CONDITIONALS = 10
_NO_END_MS = 4_133_404_800_000  # what Binance gives perpetuals as their delivery date
_SPOT_FIELDS = ("prevClosePrice", "bidPrice", "bidQty", "askPrice", "askQty")  # of ticker/24hr
_SETTLEMENTS = 1_000  # most that one answer holds


def exchange_info(desk: UsdmDesk, params: Params) -> object:
    now_ms = desk.clock.now_ms()
    assets = sorted({market.listing.instrument.quote for market in desk.market.symbols.values()})
    return {
        "timezone": "UTC",
        "serverTime": now_ms,
        "futuresType": "U_MARGINED",
        "rateLimits": [
            market_data.rate_limit("REQUEST_WEIGHT", "MINUTE", 1, WEIGHT_PER_MINUTE),
            market_data.rate_limit("ORDERS", "MINUTE", 1, 4 * ORDERS_PER_10_S),
            market_data.rate_limit("ORDERS", "SECOND", 10, ORDERS_PER_10_S),
        ],
        "exchangeFilters": [],
        "assets": [{"asset": asset, "marginAvailable": True, "autoAssetExchange": "0"} for asset in assets],
        "symbols": [_symbol(desk, market) for market in market_data.chosen(desk, params)],
    }


def depth(desk: UsdmDesk, params: Params) -> object:
    book, now_ms = desk.symbol(params).book, desk.clock.now_ms()
    bids, asks = book.pairs(params.limit(500, 1_000))
    return {"lastUpdateId": book.update_id, "E": now_ms, "T": now_ms, "bids": bids, "asks": asks}


def depth_weight(params: Params) -> int:
    limit = params.limit(500, 1_000)
    return next((weight for most, weight in ((50, 2), (100, 5), (500, 10)) if limit <= most), 20)


def day_ticker(desk: UsdmDesk, params: Params) -> object:
    return market_data.one_or_many(desk, params, lambda market: _day(desk, market))


def book_ticker(desk: UsdmDesk, params: Params) -> object:
    now_ms = desk.clock.now_ms()
    return market_data.one_or_many(
        desk, params, lambda market: {**market_data.best(market), "lastUpdateId": market.book.update_id, "time": now_ms}
    )


def price_ticker(desk: UsdmDesk, params: Params) -> object:
    now_ms = desk.clock.now_ms()
    return market_data.one_or_many(desk, params, lambda market: {**market_data.last_price(market), "time": now_ms})


def premium_index(desk: UsdmDesk, params: Params) -> object:
    return market_data.one_or_many(desk, params, lambda market: _premium(desk, market))


def funding_rate(desk: UsdmDesk, params: Params) -> object:
    """Settlements as far back as candles reach: the first of a span, or the newest."""
    now_ms = desk.clock.now_ms()
    start, end, limit = params.integer("startTime"), params.integer("endTime"), params.limit(100, _SETTLEMENTS)
    markets = [desk.symbol(params)] if params.optional("symbol") else list(desk.market.by_id.values())
    rows = [row for market in markets for row in _settlements(desk, market, start, min(end or now_ms, now_ms))]
    rows.sort(key=lambda row: int(str(row["fundingTime"])))
    return rows[:limit] if start is not None else rows[-limit:]


def funding_info(desk: UsdmDesk, _params: Params) -> object:
    return [
        {
            "symbol": market.id, "adjustedFundingRateCap": text(RATE_CAP_FRAC),
            "adjustedFundingRateFloor": text(-RATE_CAP_FRAC), "fundingIntervalHours": FUNDING_MS // HOUR_MS,
            "disclaimer": False,
        }
        for market in desk.market.by_id.values()
    ]  # fmt: skip


def open_interest(desk: UsdmDesk, params: Params) -> object:
    """Estimated from turnover: nobody else's positions exist here."""
    market = desk.symbol(params)
    day = DayStatistics(market, desk.clock.now_ms())
    return {"symbol": market.id, "openInterest": text(round(day.volume / 4, 3)), "time": desk.clock.now_ms()}


def _symbol(desk: UsdmDesk, market: SymbolMarket) -> dict[str, object]:
    listing, instrument = market.listing, desk.exchange.instrument(market.symbol)
    steps = desk.exchange.brackets(market.symbol)
    return {
        "symbol": market.id,
        "pair": market.id,
        "contractType": "PERPETUAL",
        "deliveryDate": _NO_END_MS,
        "onboardDate": market.series.first_ms,
        "status": "SETTLING" if desk.faults.is_halted(market.symbol) else "TRADING",
        "maintMarginPercent": text(100 * steps[0].rate),
        "requiredMarginPercent": text(100 / steps[0].leverage),
        "baseAsset": instrument.base,
        "quoteAsset": instrument.quote,
        "marginAsset": instrument.quote,
        "pricePrecision": decimals(instrument.price_tick) + 1,
        "quantityPrecision": decimals(instrument.quantity_step),
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "underlyingType": "COIN",
        "underlyingSubType": [],
        "triggerProtect": "0.0500",
        "liquidationFee": text(LIQUIDATION_FEE_FRAC),
        "marketTakeBound": text(PRICE_BAND_FRAC),
        "maxMoveOrderLimit": 10_000,
        "orderTypes": list(ORDER_TYPES),
        "timeInForce": ["GTC", "IOC", "FOK", "GTX"],
        "filters": _filters(listing),
    }


def _filters(listing: Listing) -> list[dict[str, object]]:
    instrument = listing.instrument
    tick, step, most = text(instrument.price_tick), text(instrument.quantity_step), text(instrument.max_quantity)
    least = text(instrument.min_quantity)
    return [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000000000.00000000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {"filterType": "MARKET_LOT_SIZE", "minQty": least, "maxQty": most, "stepSize": step},
        {"filterType": "MAX_NUM_ORDERS", "limit": MOST_OPEN_ORDERS},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "limit": MOST_CONDITIONALS},
        {"filterType": "MIN_NOTIONAL", "notional": text(instrument.min_notional)},
        {
            "filterType": "PERCENT_PRICE", "multiplierUp": text(1 + PRICE_BAND_FRAC),
            "multiplierDown": text(1 - PRICE_BAND_FRAC), "multiplierDecimal": "4",
        },
    ]  # fmt: skip


def _day(desk: UsdmDesk, market: SymbolMarket) -> dict[str, object]:
    return {name: value for name, value in market_data.day(desk, market).items() if name not in _SPOT_FIELDS}


def _premium(desk: UsdmDesk, market: SymbolMarket) -> dict[str, object]:
    now_ms = desk.clock.now_ms()
    price = desk.perpetuals.price_of(market, now_ms)
    return {
        "symbol": market.id, "markPrice": text(price.mark), "indexPrice": text(price.index),
        "estimatedSettlePrice": text(price.index), "lastFundingRate": text(price.rate),
        "interestRate": text(INTEREST_FRAC), "nextFundingTime": price.next_funding_ms, "time": now_ms,
    }  # fmt: skip


def _settlements(desk: UsdmDesk, market: SymbolMarket, start_ms: int | None, end_ms: int) -> list[dict[str, object]]:
    pricing = desk.perpetuals.pricings[market.symbol]
    earliest = max(start_ms or 0, market.series.first_ms, end_ms - _SETTLEMENTS * FUNDING_MS)
    first = -(-earliest // FUNDING_MS) * FUNDING_MS
    return [
        {
            "symbol": market.id, "fundingTime": due_ms, "fundingRate": text(pricing.rate(due_ms)),
            "markPrice": _price_at(desk, market, due_ms),
        }
        for due_ms in range(first, end_ms + 1, FUNDING_MS)
    ]  # fmt: skip


def _price_at(desk: UsdmDesk, market: SymbolMarket, ts_ms: int) -> str:
    """About the mark price of that time: the open of the candle that began then."""
    base_ms = desk.market.base_ms
    row = market.series.window(base_ms, start_ms=ts_ms, end_ms=ts_ms, limit=1)
    return text(float(row[0, 1])) if len(row) else ""
