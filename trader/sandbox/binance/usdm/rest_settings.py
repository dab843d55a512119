"""Signed REST about the account's settings, fees and movements, and the keys of its stream."""

from trader.domain.errors import Rejected
from trader.sandbox.binance.protocol.errors import BinanceError, missing
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.binance.usdm.errors import not_offered, refuse
from trader.sandbox.binance.usdm.rest_account import most_worth
from trader.sandbox.binance.usdm.wire import INCOME_TYPES, income
from trader.sandbox.market.listing import PERPETUAL_MAKER_FEE_FRAC, PERPETUAL_TAKER_FEE_FRAC
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import SymbolMarket

_MARGIN_TYPES = frozenset({"ISOLATED", "CROSSED"})


def set_leverage(desk: UsdmDesk, params: Params) -> object:
    market, leverage = desk.symbol(params), params.integer("leverage")
    if leverage is None:
        raise missing("leverage")
    try:
        position = desk.exchange.set_leverage(market.symbol, leverage, desk.clock.now_ms())
    except Rejected as refusal:
        refuse(refusal)
    return {"symbol": market.id, "leverage": position.leverage, "maxNotionalValue": most_worth(desk, market)}


def set_margin_type(desk: UsdmDesk, params: Params) -> object:
    desk.symbol(params)
    wanted = params.choice("marginType", _MARGIN_TYPES, BinanceError(-4104, "Invalid margin type."))
    if wanted == "CROSSED":
        raise BinanceError(-4046, "No need to change margin type.")
    raise not_offered("isolated margin")


def position_mode(_desk: UsdmDesk, _params: Params) -> object:
    return {"dualSidePosition": False}


def set_position_mode(_desk: UsdmDesk, params: Params) -> object:
    if params.text("dualSidePosition").lower() != "true":
        raise BinanceError(-4059, "No need to change position side.")
    raise not_offered("hedge mode")


def asset_mode(_desk: UsdmDesk, _params: Params) -> object:
    return {"multiAssetsMargin": False}


def set_asset_mode(_desk: UsdmDesk, params: Params) -> object:
    if params.text("multiAssetsMargin").lower() != "true":
        raise BinanceError(-4171, "No need to change multi-assets mode.")
    raise not_offered("multi-assets mode")


def add_margin(_desk: UsdmDesk, _params: Params) -> object:
    raise BinanceError(-4049, "Add margin only support for isolated position.")


def leverage_brackets(desk: UsdmDesk, params: Params) -> object:
    if params.optional("symbol"):
        return _brackets(desk, desk.symbol(params))
    return [_brackets(desk, market) for market in desk.market.symbols.values()]


def _brackets(desk: UsdmDesk, market: SymbolMarket) -> dict[str, object]:
    return {
        "symbol": market.id,
        "brackets": [
            {
                "bracket": number, "initialLeverage": each.leverage, "notionalCap": int(each.cap),
                "notionalFloor": int(each.floor), "maintMarginRatio": float(each.rate), "cum": float(each.deduction),
            }
            for number, each in enumerate(desk.exchange.brackets(market.symbol), 1)
        ],
    }  # fmt: skip


def symbol_config(desk: UsdmDesk, params: Params) -> object:
    chosen = [desk.symbol(params)] if params.optional("symbol") else list(desk.market.symbols.values())
    return [
        {
            "symbol": market.id, "marginType": "CROSSED", "isAutoAddMargin": False,
            "leverage": desk.exchange.position(market.symbol).leverage, "maxNotionalValue": most_worth(desk, market),
        }
        for market in chosen
    ]  # fmt: skip


def account_config(_desk: UsdmDesk, _params: Params) -> object:
    return {
        "feeTier": 0, "canTrade": True, "canDeposit": True, "canWithdraw": False, "dualSidePosition": False,
        "updateTime": 0, "multiAssetsMargin": False, "tradeGroupId": -1,
    }  # fmt: skip


def commission_rate(desk: UsdmDesk, params: Params) -> object:
    return {
        "symbol": desk.symbol(params).id, "makerCommissionRate": text(PERPETUAL_MAKER_FEE_FRAC),
        "takerCommissionRate": text(PERPETUAL_TAKER_FEE_FRAC),
    }  # fmt: skip


def incomes(desk: UsdmDesk, params: Params) -> object:
    kind = params.optional("incomeType")
    if kind is not None and kind not in INCOME_TYPES:
        return []  # a type this account never has
    symbol = desk.symbol(params).symbol if params.optional("symbol") else None
    found = desk.exchange.incomes(params.window(default=100), symbol=symbol, kind=INCOME_TYPES[kind] if kind else None)
    return [income(movement) for movement in found]


# --- the account stream -----------------------------------------------------------------------------------------


def start_stream(desk: UsdmDesk, _params: Params) -> object:
    return {"listenKey": desk.user_feed.issue()}


def keep_stream(desk: UsdmDesk, _params: Params) -> object:
    return {"listenKey": desk.user_feed.renew()}


def end_stream(desk: UsdmDesk, _params: Params) -> object:
    desk.user_feed.revoke()
    return {}
