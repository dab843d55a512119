"""Signed REST about the margined account: balances and positions."""

from collections.abc import Sequence
from decimal import Decimal

from trader.domain.instrument import ZERO
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.market.numbers import text
from trader.sandbox.market.symbol_market import SymbolMarket
from trader.simulation.accounts.margin import AccountMargin, SymbolMargin, largest_position

Row = dict[str, object]


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


_NOT_IN_V2 = (
    "marginAsset", "initialMargin", "maintMargin", "positionInitialMargin", "openOrderInitialMargin", "adl",
    "bidNotional", "askNotional",
)  # fmt: skip


def position_risk_v2(desk: UsdmDesk, params: Params) -> object:
    """Version 2: every symbol, with its leverage."""
    chosen = [desk.symbol(params)] if params.optional("symbol") else list(desk.market.symbols.values())
    return [
        {
            **_without(_risk(desk, desk.exchange.symbol_margin(market.symbol)), _NOT_IN_V2),
            "leverage": str(desk.exchange.position(market.symbol).leverage),
            "maxNotionalValue": most_worth(desk, market),
            "marginType": "cross",
            "isAutoAddMargin": "false",
        }
        for market in chosen
    ]


def _without(row: Row, names: Sequence[str]) -> Row:
    return {name: value for name, value in row.items() if name not in names}


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
        "maxNotional": most_worth(desk, market),
        "bidNotional": text(ZERO),
        "askNotional": text(ZERO),
    }


def most_worth(desk: UsdmDesk, market: SymbolMarket) -> str:
    """What a position may be worth at the symbol's leverage."""
    leverage = desk.exchange.position(market.symbol).leverage
    return str(largest_position(desk.exchange.brackets(market.symbol), leverage))
