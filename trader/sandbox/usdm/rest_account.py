"""Signed REST about the margined account: balances, positions, leverage, brackets, fees, wallet movements."""

from decimal import Decimal

from trader.domain.errors import Rejected
from trader.domain.instrument import ZERO
from trader.sandbox.errors import BinanceError, missing
from trader.sandbox.listing import PERPETUAL_MAKER_FEE_FRAC, PERPETUAL_TAKER_FEE_FRAC
from trader.sandbox.numbers import text
from trader.sandbox.params import Params
from trader.sandbox.symbol_market import SymbolMarket
from trader.sandbox.usdm.desk import UsdmDesk
from trader.sandbox.usdm.errors import not_offered, refuse
from trader.sandbox.usdm.wire import INCOME_TYPES, income
from trader.simulation.margin import AccountMargin, SymbolMargin, largest_position

Row = dict[str, object]
_MARGIN_TYPES = frozenset({"ISOLATED", "CROSSED"})


# --- balances ---------------------------------------------------------------------------------------------------


def account(desk: UsdmDesk, _params: Params) -> object:
    """Version 3."""
    margins = _margins(desk)
    return {
        **_totals(margins),
        "assets": assets(desk),
        "positions": [_account_position(each) for margin in margins for each in margin.symbols],
    }


def assets(desk: UsdmDesk) -> list[Row]:
    """Wallet and margins of every asset."""
    return [_asset(desk, margin) for margin in _margins(desk)]


def account_v2(desk: UsdmDesk, _params: Params) -> object:
    """Version 2: every symbol, with its leverage."""
    margins = _margins(desk)
    return {
        "feeTier": 0,
        "canTrade": True,
        "canDeposit": True,
        "canWithdraw": False,
        "updateTime": 0,
        "multiAssetsMargin": False,
        "tradeGroupId": -1,
        **_totals(margins),
        "assets": [{**asset, "marginAvailable": True} for asset in assets(desk)],
        "positions": [_account_position_v2(desk, market) for market in desk.market.symbols.values()],
    }


def balance(desk: UsdmDesk, _params: Params) -> object:
    return [
        {
            "accountAlias": "sandbox", "asset": margin.asset, "balance": text(margin.wallet),
            "crossWalletBalance": text(margin.wallet), "crossUnPnl": text(margin.unrealised),
            "availableBalance": text(margin.available), "maxWithdrawAmount": text(_withdrawable(margin)),
            "marginAvailable": True, "updateTime": desk.exchange.now_ms,
        }
        for margin in _margins(desk)
    ]  # fmt: skip


def _margins(desk: UsdmDesk) -> list[AccountMargin]:
    """Of every asset that something is settled in or that is held."""
    settled = {market.listing.instrument.quote for market in desk.market.symbols.values()}
    held = {balance.currency for balance in desk.exchange.balances()}
    return [desk.exchange.margin(asset) for asset in sorted(settled | held)]


def _totals(margins: list[AccountMargin]) -> Row:
    """As Binance states them: of USDT alone."""
    margin = next((each for each in margins if each.asset == "USDT"), AccountMargin("USDT", ZERO, ()))
    return {
        "totalInitialMargin": text(margin.initial),
        "totalMaintMargin": text(margin.maintenance),
        "totalWalletBalance": text(margin.wallet),
        "totalUnrealizedProfit": text(margin.unrealised),
        "totalMarginBalance": text(margin.balance),
        "totalPositionInitialMargin": text(margin.position_initial),
        "totalOpenOrderInitialMargin": text(margin.order_initial),
        "totalCrossWalletBalance": text(margin.wallet),
        "totalCrossUnPnl": text(margin.unrealised),
        "availableBalance": text(margin.available),
        "maxWithdrawAmount": text(_withdrawable(margin)),
    }


def _asset(desk: UsdmDesk, margin: AccountMargin) -> Row:
    return {
        "asset": margin.asset,
        "walletBalance": text(margin.wallet),
        "unrealizedProfit": text(margin.unrealised),
        "marginBalance": text(margin.balance),
        "maintMargin": text(margin.maintenance),
        "initialMargin": text(margin.initial),
        "positionInitialMargin": text(margin.position_initial),
        "openOrderInitialMargin": text(margin.order_initial),
        "crossWalletBalance": text(margin.wallet),
        "crossUnPnl": text(margin.unrealised),
        "availableBalance": text(margin.available),
        "maxWithdrawAmount": text(_withdrawable(margin)),
        "updateTime": desk.exchange.now_ms,
    }


def _withdrawable(margin: AccountMargin) -> Decimal:
    return min(margin.wallet, margin.available)


# --- positions --------------------------------------------------------------------------------------------------


def position_risk(desk: UsdmDesk, params: Params) -> object:
    """Version 3: symbols with a position or open orders."""
    named = desk.symbol(params).id if params.optional("symbol") else None
    return [each for each in positions(desk) if named in (None, each["symbol"])]


def positions(desk: UsdmDesk) -> list[Row]:
    """Symbols with a position or open orders, and what they tie up."""
    return [_risk(desk, each) for margin in _margins(desk) for each in margin.symbols]


def position_risk_v2(desk: UsdmDesk, params: Params) -> object:
    """Version 2: every symbol, with its leverage."""
    chosen = [desk.symbol(params)] if params.optional("symbol") else list(desk.market.symbols.values())
    return [
        {
            **_risk(desk, desk.exchange.symbol_margin(market.symbol)),
            "leverage": str(desk.exchange.position(market.symbol).leverage),
            "maxNotionalValue": _most(desk, market),
            "marginType": "cross",
            "isAutoAddMargin": "false",
            "isolated": False,
        }
        for market in chosen
    ]


def adl_quantile(desk: UsdmDesk, _params: Params) -> object:
    return [
        {"symbol": desk.market.symbols[position.symbol].id, "adlQuantile": {"BOTH": 1}}
        for position in desk.exchange.positions()
    ]


def _risk(desk: UsdmDesk, margin: SymbolMargin) -> Row:
    position = margin.position
    return {
        "symbol": desk.market.symbols[position.symbol].id,
        "positionSide": "BOTH",
        "positionAmt": text(position.quantity),
        "entryPrice": text(position.entry_price),
        "breakEvenPrice": text(position.entry_price),
        "markPrice": text(margin.mark),
        "unRealizedProfit": text(margin.unrealised),
        "liquidationPrice": text(desk.exchange.liquidation_price(position.symbol)),
        "isolatedMargin": text(ZERO),
        "notional": text(position.quantity * margin.mark),
        "marginAsset": desk.market.symbols[position.symbol].listing.instrument.quote,
        "isolatedWallet": text(ZERO),
        "initialMargin": text(margin.initial),
        "maintMargin": text(margin.maintenance),
        "positionInitialMargin": text(margin.position_initial),
        "openOrderInitialMargin": text(margin.order_initial),
        "adl": 1,
        "bidNotional": text(ZERO),
        "askNotional": text(ZERO),
        "updateTime": position.updated_ms,
    }


def _account_position(margin: SymbolMargin) -> Row:
    position = margin.position
    return {
        "symbol": position.symbol.partition(":")[0].replace("/", ""),
        "positionSide": "BOTH",
        "positionAmt": text(position.quantity),
        "unrealizedProfit": text(margin.unrealised),
        "isolatedMargin": text(ZERO),
        "notional": text(position.quantity * margin.mark),
        "isolatedWallet": text(ZERO),
        "initialMargin": text(margin.initial),
        "maintMargin": text(margin.maintenance),
        "updateTime": position.updated_ms,
    }


def _account_position_v2(desk: UsdmDesk, market: SymbolMarket) -> Row:
    margin = desk.exchange.symbol_margin(market.symbol)
    return {
        **_account_position(margin),
        "positionInitialMargin": text(margin.position_initial),
        "openOrderInitialMargin": text(margin.order_initial),
        "leverage": str(margin.position.leverage),
        "isolated": False,
        "entryPrice": text(margin.position.entry_price),
        "breakEvenPrice": text(margin.position.entry_price),
        "maxNotional": _most(desk, market),
        "bidNotional": text(ZERO),
        "askNotional": text(ZERO),
    }


def _most(desk: UsdmDesk, market: SymbolMarket) -> str:
    """What a position may be worth at the symbol's leverage."""
    leverage = desk.exchange.position(market.symbol).leverage
    return str(largest_position(desk.exchange.brackets(market.symbol), leverage))


# --- settings ---------------------------------------------------------------------------------------------------


def set_leverage(desk: UsdmDesk, params: Params) -> object:
    market, leverage = desk.symbol(params), params.integer("leverage")
    if leverage is None:
        raise missing("leverage")
    try:
        position = desk.exchange.set_leverage(market.symbol, leverage, desk.clock.now_ms())
    except Rejected as refusal:
        refuse(refusal)
    return {"symbol": market.id, "leverage": position.leverage, "maxNotionalValue": _most(desk, market)}


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


def _brackets(desk: UsdmDesk, market: SymbolMarket) -> Row:
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
            "leverage": desk.exchange.position(market.symbol).leverage, "maxNotionalValue": _most(desk, market),
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
    found = desk.exchange.incomes(
        symbol=desk.symbol(params).symbol if params.optional("symbol") else None,
        kind=INCOME_TYPES[kind] if kind else None,
        since_ms=params.integer("startTime"),
        until_ms=params.integer("endTime"),
        limit=params.limit(100, 1_000),
    )
    return [income(movement) for movement in found]


# --- the account stream -----------------------------------------------------------------------------------------


def start_stream(desk: UsdmDesk, _params: Params) -> object:
    return {"listenKey": desk.user_feed.issue()}


def keep_stream(desk: UsdmDesk, _params: Params) -> object:
    return {"listenKey": desk.user_feed.renew()}


def end_stream(desk: UsdmDesk, _params: Params) -> object:
    desk.user_feed.revoke()
    return {}
