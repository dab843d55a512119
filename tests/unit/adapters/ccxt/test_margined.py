"""What only a margined account tells: conditional orders, wallets, positions, payments, forced orders."""

from decimal import Decimal
from typing import Any

import pytest

from trader.adapters.ccxt.account.conditional import conditional_report, ended, is_conditional
from trader.adapters.ccxt.account.fills import ClientIds, own_fill
from trader.adapters.ccxt.account.margin import positions_of, wallets_of
from trader.adapters.ccxt.account.payments import PaymentHistory
from trader.adapters.ccxt.account.stream import AccountStream
from trader.adapters.ccxt.account.translate import BrokenAnswer, order_report
from trader.adapters.ccxt.exchanges import ExchangeFacts, Wallets, ccxt_id_for, facts_for
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime
from trader.clock import SimulatedClock
from trader.domain.account import Balance, PaymentKind
from trader.domain.errors import Unavailable
from trader.domain.events import AccountEvent, AccountUnreachable, OrderReported
from trader.domain.orders import OrderReport, OrderStatus

BTC = "BTC/USDT:USDT"
USDM = facts_for("binanceusdm")
DAY = 86_400_000
NOW = 1_000 * DAY
D = Decimal


def test_which_of_ccxts_classes_trades_a_market() -> None:
    assert ccxt_id_for("binance", "perpetual") == "binanceusdm"
    assert ccxt_id_for("binance", "spot") == "binance"
    assert ccxt_id_for("bybit", "perpetual") == "bybit"


# --- conditional orders -----------------------------------------------------------------------------------------


def algo(status: str, **changes: str) -> dict[str, str]:
    """A raw conditional order as REST has it."""
    raw = {"algoId": "7", "clientAlgoId": "stop-1", "algoStatus": status, "actualOrderId": "", "actualQty": "0"}
    return raw | changes


def told(info: dict[str, str]) -> OrderReport:
    assert USDM.conditional is not None
    order = {"id": "7", "symbol": BTC, "clientOrderId": "stop-1", "status": "closed", "amount": "3", "filled": "3"}
    return conditional_report(order_report({**order, "type": "market", "triggerPrice": "90"}), info, USDM.conditional)


@pytest.mark.parametrize(
    ("info", "exchange_id", "status", "filled"),
    [
        (algo("NEW"), "c7", OrderStatus.OPEN, "0"),
        (algo("TRIGGERING"), "c7", OrderStatus.OPEN, "0"),
        (algo("CANCELED"), "c7", OrderStatus.CANCELED, "0"),
        (algo("EXPIRED"), "c7", OrderStatus.EXPIRED, "0"),
        (algo("REJECTED"), "c7", OrderStatus.EXPIRED, "0"),
        (algo("TRIGGERED", actualOrderId="55"), "55", OrderStatus.OPEN, "0"),
        (algo("FINISHED", actualOrderId="55", actualQty="3"), "55", OrderStatus.PARTIALLY_FILLED, "3"),
        ({"aid": "7", "X": "TRIGGERED", "ai": "55", "aq": "1"}, "55", OrderStatus.PARTIALLY_FILLED, "1"),
        ({"aid": "7", "X": "NEW", "ai": "", "aq": "0.000"}, "c7", OrderStatus.OPEN, "0"),
    ],
)
def test_a_conditional_order_counts_by_its_own_number_until_it_has_become_one(
    info: dict[str, str], exchange_id: str, status: OrderStatus, filled: str
) -> None:
    report = told(info)
    assert (report.exchange_id, report.status, report.filled) == (exchange_id, status, D(filled))


def test_one_whose_order_is_forgotten_has_ended_with_what_it_filled() -> None:
    assert ended(told(algo("FINISHED", actualOrderId="55", actualQty="3"))).status is OrderStatus.FILLED
    assert ended(told(algo("FINISHED", actualOrderId="55", actualQty="1"))).status is OrderStatus.EXPIRED


def test_an_unknown_state_is_an_error_and_ordinary_orders_are_none() -> None:
    with pytest.raises(BrokenAnswer, match="'PAUSED'"):
        told(algo("PAUSED"))
    assert not is_conditional({"orderId": "5", "status": "NEW", "X": "NEW"}, USDM.conditional)
    assert not is_conditional(algo("NEW"), None)


# --- wallets, positions, fills ----------------------------------------------------------------------------------


def test_wallets_are_without_the_profit_of_open_positions() -> None:
    row = {"asset": "USDT", "walletBalance": "10.50", "marginBalance": "11.75", "availableBalance": "3"}
    assert USDM.wallets is not None
    assert wallets_of({"info": {"assets": [row]}}, USDM.wallets) == [Balance("USDT", D("10.50"))]
    nested = {"info": {"result": {"list": [{"coin": [{"coin": "USDT", "walletBalance": "2"}]}]}}}
    bybit = facts_for("bybit").wallets
    assert bybit is not None
    assert wallets_of(nested, bybit) == [Balance("USDT", D(2))]
    answers: list[dict[str, Any]] = [
        {},
        {"info": {}},
        {"info": {"assets": None}},
        {"info": {"assets": [{"asset": "A"}]}},
    ]
    for broken in answers:
        with pytest.raises(BrokenAnswer):
            wallets_of(broken, Wallets(("assets",), "asset", "walletBalance"))


def test_positions_are_signed_and_in_base_units() -> None:
    rows: list[dict[str, Any]] = [
        {"symbol": BTC, "contracts": "3", "contractSize": "0.01", "side": "short", "entryPrice": "90", "timestamp": 5},
        {"symbol": "ETH/USDT:USDT", "contracts": "2", "contractSize": None, "side": "long", "entryPrice": "9"},
        {"symbol": "SOL/USDT:USDT", "contracts": "0", "contractSize": "1", "side": None, "entryPrice": None},
        {"symbol": "XRP/USDT:USDT", "contracts": "1", "contractSize": "1", "side": "long", "entryPrice": "1"},
    ]
    held = positions_of(rows, (BTC, "ETH/USDT:USDT", "SOL/USDT:USDT"))
    assert [(p.symbol, p.quantity, p.entry_price) for p in held] == [(BTC, D("-0.03"), D(90)), ("ETH/USDT:USDT", 2, 9)]
    with pytest.raises(BrokenAnswer):
        positions_of([{**rows[0], "side": None}], (BTC,))
    with pytest.raises(BrokenAnswer):
        positions_of(None, (BTC,))


def test_a_fill_says_what_it_realised_and_whether_the_exchange_forced_it() -> None:
    trade = {"id": "1", "order": "2", "symbol": BTC, "side": "sell", "price": "9", "amount": "1", "timestamp": 5}
    stated = own_fill({**trade, "info": {"realizedPnl": "-1.25"}}, USDM, client_id="mine")
    assert (stated.realised, stated.is_forced) == (D("-1.25"), False)
    assert own_fill({**trade, "info": {"rp": "0"}}, USDM, client_id="autoclose-1").is_forced
    assert own_fill({**trade, "info": {}}, facts_for("kraken"), client_id="mine").realised is None


def test_an_order_of_the_exchange_itself_makes_the_account_uncertain() -> None:
    client, heard = FakeClient([]), list[AccountEvent]()
    stream = AccountStream(client, (BTC,), ClientIds(client), heard.append)
    order = {"id": "9", "symbol": BTC, "status": "closed", "amount": "1", "filled": "1", "type": "limit"}
    heard_order = stream._on_order  # noqa: SLF001 - what ccxt calls
    heard_order({**order, "clientOrderId": "mine", "info": {"i": "9", "X": "FILLED"}})
    assert [type(event) for event in heard] == [OrderReported]
    heard_order({**order, "clientOrderId": "autoclose-1", "info": {"i": "9", "X": "FILLED"}})
    [alarm] = [event for event in heard if isinstance(event, AccountUnreachable)]
    assert "the exchange itself traded in BTC/USDT:USDT" in alarm.reason


# --- payments ---------------------------------------------------------------------------------------------------


class FakeClient(Client):
    """Lists movements of the wallet like an exchange that pages them. Nothing of the real client is set up."""

    def __init__(self, times: list[int], facts: ExchangeFacts = USDM, page: int = 1_000) -> None:
        self.facts = facts
        self.time = MarketTime(SimulatedClock(NOW))
        self.asked: list[tuple[Any, ...]] = []
        has = {"fetchFundingHistory": True}
        self.raw = type("Raw", (), {"has": has, "safe_symbol": staticmethod(lambda _id, *_more: BTC)})()
        self._page = page
        self.rows = [_movement(number, ms) for number, ms in enumerate(sorted(times))]

    async def read(self, method: str, *args: Any) -> Any:
        self.asked.append((method, *args))
        if method == "fetch_funding_history":
            _, since, limit = args
            rows = [row for row in self.rows if row["timestamp"] >= since]
            return [{**row, "code": "USDT", "amount": "-0.5"} for row in rows[:limit]]
        _, since, limit, params = args
        if params["incomeType"] != "FUNDING_FEE":
            return []
        return [row for row in self.rows if since <= row["timestamp"] <= params["until"]][: min(limit, self._page)]


def _movement(number: int, ms: int) -> dict[str, Any]:
    info = {"incomeType": "FUNDING_FEE", "symbol": "BTCUSDT"}
    return {
        "id": str(number), "info": info, "amount": "0.5", "direction": "out", "currency": "USDT", "timestamp": ms,
    }  # fmt: skip


async def test_payments_of_weeks_are_put_together_once_each() -> None:
    times = [NOW - day * DAY for day in range(30)]
    found = await PaymentHistory(FakeClient(times), (BTC,)).since(NOW - 20 * DAY)
    assert [payment.ts_ms for payment in found] == sorted(times)[-21:]
    assert len({payment.payment_id for payment in found}) == 21
    assert {(p.kind, p.symbol, p.currency, p.amount) for p in found} == {(PaymentKind.FUNDING, BTC, "USDT", D("-0.5"))}


async def test_where_ccxt_unifies_funding_it_is_read_from_there() -> None:
    client = FakeClient([NOW - DAY, NOW - 2 * DAY], facts_for("bybit"))
    found = await PaymentHistory(client, (BTC,)).since(NOW - 3 * DAY)
    assert [payment.ts_ms for payment in found] == [NOW - 2 * DAY, NOW - DAY]
    assert {payment.amount for payment in found} == {D("-0.5")}


async def test_a_movement_that_cannot_be_read_is_not_left_out() -> None:
    client = FakeClient([NOW - DAY])
    del client.rows[0]["currency"]
    with pytest.raises(Unavailable, match="without currency"):
        await PaymentHistory(client, (BTC,)).since(NOW - 3 * DAY)
