"""Signed REST about the account: balances, fees, wallet, permissions of the key."""

from decimal import Decimal

from trader.domain.account import Balance
from trader.domain.instrument import ZERO
from trader.sandbox.binance.protocol.params import Params
from trader.sandbox.binance.spot.desk import SpotDesk
from trader.sandbox.market.listing import MAKER_FEE_FRAC, TAKER_FEE_FRAC
from trader.sandbox.market.numbers import text


def account(desk: SpotDesk, params: Params) -> object:
    omit_zero = params.optional("omitZeroBalances") == "true"
    balances = [b for b in _balances(desk) if b.total or not omit_zero]
    return {
        "makerCommission": round(MAKER_FEE_FRAC * 10_000),
        "takerCommission": round(TAKER_FEE_FRAC * 10_000),
        "buyerCommission": 0,
        "sellerCommission": 0,
        "commissionRates": {
            "maker": text(MAKER_FEE_FRAC),
            "taker": text(TAKER_FEE_FRAC),
            "buyer": text(ZERO),
            "seller": text(ZERO),
        },
        "canTrade": True,
        "canWithdraw": False,
        "canDeposit": True,
        "brokered": False,
        "requireSelfTradePrevention": False,
        "preventSor": False,
        "updateTime": desk.exchange.now_ms,
        "accountType": "SPOT",
        "balances": [{"asset": b.currency, "free": text(b.free), "locked": text(b.locked)} for b in balances],
        "permissions": ["SPOT"],
        "uid": 1,
    }


def coins(desk: SpotDesk, _params: Params) -> object:
    """capital/config/getall: every currency, on a network of its own."""
    return [
        {
            "coin": b.currency, "depositAllEnable": True, "free": text(b.free), "freeze": text(ZERO),
            "ipoable": text(ZERO), "ipoing": text(ZERO), "isLegalMoney": False, "locked": text(b.locked),
            "name": b.currency, "storage": text(ZERO), "trading": True, "withdrawAllEnable": False,
            "withdrawing": text(ZERO),
            "networkList": [
                {
                    "network": b.currency, "coin": b.currency, "name": b.currency, "isDefault": True,
                    "depositEnable": True, "withdrawEnable": False, "withdrawFee": text(ZERO),
                    "withdrawMin": text(ZERO), "withdrawMax": text(ZERO), "depositDust": text(ZERO),
                    "withdrawIntegerMultiple": text(Decimal("0.00000001")),
                }
            ],
        }
        for b in _balances(desk)
    ]  # fmt: skip


def trade_fees(desk: SpotDesk, params: Params) -> object:
    chosen = [desk.symbol(params)] if params.optional("symbol") else desk.market.by_id.values()
    return [
        {"symbol": market.id, "makerCommission": str(MAKER_FEE_FRAC), "takerCommission": str(TAKER_FEE_FRAC)}
        for market in chosen
    ]


def key_permissions(desk: SpotDesk, _params: Params) -> object:
    """account/apiRestrictions: this key can trade and nothing else."""
    return {
        "ipRestrict": False, "createTime": desk.opened_ms, "enableReading": True,
        "enableSpotAndMarginTrading": True, "enableWithdrawals": False, "enableInternalTransfer": False,
        "enableMargin": False, "enableFutures": False, "permitsUniversalTransfer": False, "enableVanillaOptions": False,
        "enableFixApiTrade": False, "enableFixReadOnly": False, "enablePortfolioMarginTrading": False,
    }  # fmt: skip


def system_status(_venue: SpotDesk, _params: Params) -> object:
    return {"status": 0, "msg": "normal"}


def _balances(desk: SpotDesk) -> list[Balance]:
    """Every listed currency, held or not."""
    held = {balance.currency: balance for balance in desk.exchange.balances()}
    for market in desk.market.symbols.values():
        for currency in (market.listing.instrument.base, market.listing.instrument.quote):
            held.setdefault(currency, Balance(currency, ZERO))
    return [held[currency] for currency in sorted(held)]
