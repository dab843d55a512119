"""ccxt's dicts become domain values exactly, or not at all."""

import gzip
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import ccxt
import ccxt.pro
import pytest

from trader.adapters.ccxt.account.keys import may_withdraw, refuse_rsa
from trader.adapters.ccxt.account.translate import BrokenAnswer, balances_of, fill_of, order_report
from trader.adapters.ccxt.exchanges import Permission
from trader.adapters.ccxt.market.instruments import instrument_of, instruments_of
from trader.adapters.ccxt.market.wire import CandleSeen, TradeSeen, binance
from trader.config.credentials import Credentials
from trader.domain.account import Balance
from trader.domain.errors import Misconfigured
from trader.domain.instrument import InstrumentKind
from trader.domain.orders import OrderStatus, OrderType, Side
from trader.market.candles import Row


def an_order(**changes: Any) -> dict[str, Any]:
    return {
        "id": "7", "clientOrderId": "mine", "symbol": "BTC/USDT", "status": "open", "side": "buy", "type": "limit",
        "amount": "1.5", "filled": "0", "price": "50000.10", "timestamp": 1000, "lastUpdateTimestamp": 2000, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, OrderStatus.OPEN),
        ({"filled": "0.5"}, OrderStatus.PARTIALLY_FILLED),
        ({"status": "canceling"}, OrderStatus.OPEN),
        ({"status": "closed", "filled": "1.5"}, OrderStatus.FILLED),
        ({"status": "closed", "filled": "0.5"}, OrderStatus.CANCELED),  # partly filled, then cancelled, at some
        ({"status": "canceled", "filled": "0.5"}, OrderStatus.CANCELED),
        ({"status": "expired"}, OrderStatus.EXPIRED),
        ({"status": "expired", "filled": "0.5"}, OrderStatus.EXPIRED),  # an IOC order's remainder
        ({"status": "rejected"}, OrderStatus.REJECTED),
        ({"filled": "1.5"}, OrderStatus.FILLED),
    ],
)
def test_statuses(changes: dict[str, Any], status: OrderStatus) -> None:
    assert order_report(an_order(**changes)).status is status


def test_a_report_is_exact_and_complete() -> None:
    report = order_report(an_order(amount="0.1", filled="0.03", price="0.00000001"))
    assert (report.client_id, report.exchange_id, report.symbol, report.ts_ms) == ("mine", "7", "BTC/USDT", 2000)
    assert (report.quantity, report.filled, report.price) == (Decimal("0.1"), Decimal("0.03"), Decimal("0.00000001"))
    assert (report.side, report.type) == (Side.BUY, OrderType.LIMIT)


def test_stops_and_market_orders_have_no_limit_price() -> None:
    stop = order_report(an_order(type="market", price="49000", stopPrice="48000.5"))
    assert (stop.type, stop.stop_price, stop.price) == (OrderType.STOP_MARKET, Decimal("48000.5"), None)
    market = order_report(an_order(type="market", status="closed", filled="1.5"))
    assert (market.type, market.price) == (OrderType.MARKET, None)


def test_an_acknowledgement_may_hold_only_an_id() -> None:
    bare = {"id": "9", "status": None, "symbol": None}
    report = order_report(bare, client_id="mine", symbol="BTC/USDT", is_new=True, now_ms=5)
    assert (report.status, report.filled, report.ts_ms) == (OrderStatus.OPEN, Decimal(0), 5)
    with pytest.raises(BrokenAnswer, match="status None"):
        order_report(bare, symbol="BTC/USDT")


@pytest.mark.parametrize(
    "broken", [None, "", "text", [], {}, {"id": None}, {"id": ""}, {"id": "7"}, an_order(status="?")]
)
def test_broken_orders_are_refused(broken: Any) -> None:
    with pytest.raises(BrokenAnswer):
        order_report(broken)


def test_fills_in_an_answer_inherit_from_their_order() -> None:
    trades = [
        {"id": "56", "price": "4000.5", "amount": "1", "fee": {"cost": "0.1", "currency": "BNB"}, "order": None},
        {"id": "57", "price": "4001", "amount": "0.5", "fee": {"cost": "0.05", "currency": "BNB"}, "side": None},
    ]
    report = order_report(an_order(status="closed", filled="1.5", trades=trades))
    assert [(f.fill_id, f.exchange_order_id, f.side, f.ts_ms, f.client_id) for f in report.fills] == [
        ("56", "7", Side.BUY, 2000, "mine"),
        ("57", "7", Side.BUY, 2000, "mine"),
    ]
    assert order_report(an_order(trades=trades), with_fills=False).fills == ()


def a_trade(**changes: Any) -> dict[str, Any]:
    return {
        "id": "1", "order": "7", "symbol": "BTC/USDT", "side": "sell", "price": "50000.1", "amount": "0.3",
        "timestamp": 1000, "takerOrMaker": "maker", "fee": {"cost": "0.00001234", "currency": "BTC"}, **changes,
    }  # fmt: skip


def test_a_fill_is_exact() -> None:
    fill = fill_of(a_trade(), client_id="mine")
    assert (fill.quantity, fill.price, fill.fee, fill.fee_currency) == (
        Decimal("0.3"), Decimal("50000.1"), Decimal("0.00001234"), "BTC",
    )  # fmt: skip
    assert fill.is_maker
    assert fill_of(a_trade(fee=None)).fee == 0
    rebate = fill_of(a_trade(fee=None, fees=[{"cost": "-0.1", "currency": "USDT"}]))
    assert rebate.fee == Decimal("-0.1")


@pytest.mark.parametrize(
    "broken",
    [
        None, {}, a_trade(id=None), a_trade(order=None), a_trade(side=None), a_trade(timestamp=None),
        a_trade(amount=None), a_trade(price="NaN"), a_trade(symbol=None),
        a_trade(fees=[{"cost": "1", "currency": "A"}, {"cost": "1", "currency": "B"}]),
    ],
)  # fmt: skip
def test_broken_trades_are_refused(broken: Any) -> None:
    with pytest.raises(BrokenAnswer):
        fill_of(broken)


def test_balances() -> None:
    answer = {
        "info": {"balances": []}, "timestamp": 1, "free": {"BTC": 1}, "used": {}, "total": {},
        "BTC": {"free": "0.1", "used": "0.2", "total": "0.3"},
        "USDT": {"free": None, "used": "5", "total": "15.5"},
        "ETH": {"free": "2", "used": None, "total": None},
    }  # fmt: skip
    assert balances_of(answer, "balances") == [
        Balance("BTC", Decimal("0.1"), Decimal("0.2")),
        Balance("USDT", Decimal("10.5"), Decimal("5")),
        Balance("ETH", Decimal("2"), Decimal(0)),
    ]
    answers: tuple[Any, ...] = (None, [], {"info": {}}, {"info": None})
    for broken in answers:
        with pytest.raises(BrokenAnswer):
            balances_of(broken, "balances")
    with pytest.raises(BrokenAnswer, match="neither free nor total"):
        balances_of({"BTC": {"free": None, "used": "1", "total": None}})


# --- instruments ------------------------------------------------------------------------------------------------


def a_market(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTC/USDT", "base": "BTC", "quote": "USDT", "spot": True, "swap": False, "active": True,
        "precision": {"amount": 1e-05, "price": 0.01},
        "limits": {"amount": {"min": 1e-05, "max": 9000.0}, "market": {"max": 120.5}, "cost": {"min": 5.0}},
        "maker": 0.001, "taker": 0.0011, **changes,
    }  # fmt: skip


def test_tick_sizes_are_written_as_a_person_would() -> None:
    found = instrument_of(a_market(), precision_mode=ccxt.TICK_SIZE)
    assert str(found.quantity_step) == "0.00001"
    assert (found.price_tick, found.min_notional) == (Decimal("0.01"), Decimal(5))
    assert (found.max_quantity, found.maker_fee_frac, found.taker_fee_frac) == (Decimal("120.5"), 0.001, 0.0011)
    assert found.round_quantity(0.123456789) == Decimal("0.12345")


def test_decimal_places_become_steps() -> None:
    market = a_market(precision={"amount": 3, "price": 0}, limits={}, maker=None, taker=None)
    found = instrument_of(market, precision_mode=ccxt.DECIMAL_PLACES)
    assert (found.quantity_step, found.price_tick) == (Decimal("0.001"), Decimal(1))
    assert (found.min_quantity, found.max_quantity, found.min_notional) == (Decimal("0.001"), Decimal(0), Decimal(0))
    assert found.taker_fee_frac == 0.001


def test_precision_that_is_no_fixed_step_is_refused() -> None:
    with pytest.raises(Misconfigured, match="significant digits"):
        instrument_of(a_market(precision={"amount": 5, "price": 5}), precision_mode=ccxt.SIGNIFICANT_DIGITS)
    with pytest.raises(Misconfigured, match="None"):
        instrument_of(a_market(precision={}), precision_mode=ccxt.TICK_SIZE)


def test_contracts_are_counted_in_base_units() -> None:
    market = a_market(
        symbol="BTC/USDT:USDT",
        spot=False,
        swap=True,
        linear=True,
        contractSize=0.01,
        precision={"amount": 1.0, "price": 0.1},
    )
    found = instrument_of(market, precision_mode=ccxt.TICK_SIZE)
    assert (found.kind, found.quantity_step) == (InstrumentKind.PERPETUAL, Decimal("0.01"))


def test_everything_wrong_with_the_symbols_is_named_at_once() -> None:
    markets = {
        "BTC/USDT": a_market(),
        "OLD/USDT": a_market(symbol="OLD/USDT", active=False),
        "BTC/USDT:USDT": a_market(spot=False, swap=True, linear=True),
    }
    with pytest.raises(Misconfigured) as named:
        instruments_of(
            markets, ("BTC/EUR", "OLD/USDT", "BTC/USDT:USDT", "BTC/USDT"),
            precision_mode=ccxt.TICK_SIZE, kind=InstrumentKind.SPOT, exchange="binance",
        )  # fmt: skip
    text = str(named.value)
    assert "BTC/EUR is not at binance; alike: BTC/USDT" in text
    assert "OLD/USDT is not open for trading" in text
    assert "BTC/USDT:USDT is not a spot pair" in text


# --- keys -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "permission", "expected"),
    [
        ({"enableWithdrawals": True}, Permission("m", ("enableWithdrawals",)), True),
        ({"enableWithdrawals": False}, Permission("m", ("enableWithdrawals",)), False),
        ({"enableWithdrawals": "true"}, Permission("m", ("enableWithdrawals",)), True),
        ({"other": 1}, Permission("m", ("enableWithdrawals",)), None),
        ([], Permission("m", ("enableWithdrawals",)), None),
        ({"data": [{"perm": "read_only,withdraw"}]}, Permission("m", ("data", 0, "perm"), "withdraw"), True),
        ({"data": [{"perm": "read_only,trade"}]}, Permission("m", ("data", 0, "perm"), "withdraw"), False),
        ({"data": []}, Permission("m", ("data", 0, "perm"), "withdraw"), None),
        ({"p": {"Wallet": ["AccountTransfer", "Withdraw"]}}, Permission("m", ("p", "Wallet"), "Withdraw"), True),
        ({"p": {"Wallet": []}}, Permission("m", ("p", "Wallet"), "Withdraw"), False),
    ],
)
def test_withdrawal_rights(answer: Any, permission: Permission, expected: bool | None) -> None:
    assert may_withdraw(answer, permission) is expected


def test_rsa_keys_are_refused() -> None:
    body = "x" * 1600
    for secret in (f"-----BEGIN RSA PRIVATE KEY-----{body}", f"-----BEGIN PRIVATE KEY-----{body}"):
        with pytest.raises(Misconfigured, match="RSA"):
            refuse_rsa(Credentials("k", secret))
    refuse_rsa(Credentials("k", "-----BEGIN PRIVATE KEY-----" + "x" * 64))
    refuse_rsa(Credentials("k", "a" * 64))


# --- raw messages -----------------------------------------------------------------------------------------------


def test_binance_candles_and_trades_off_the_wire() -> None:
    trade = {"e": "trade", "E": 2, "s": "BTCUSDT", "t": 12345, "p": "100.50", "q": "0.25", "T": 1, "m": True}
    assert binance(trade) == TradeSeen("BTCUSDT", "12345", 1, 100.5, 0.25, False)
    kline = {
        "t": 60000,
        "T": 119999,
        "s": "BTCUSDT",
        "i": "1m",
        "o": "1",
        "c": "3",
        "h": "4",
        "l": "0.5",
        "v": "9",
        "x": True,
    }
    assert binance({"e": "kline", "E": 2, "s": "BTCUSDT", "k": kline}) == CandleSeen(
        "BTCUSDT", "1m", Row(60000, 1.0, 4.0, 0.5, 3.0, 9.0), True
    )
    others: tuple[Any, ...] = ({"e": "depthUpdate"}, {"result": None, "id": 1}, [], "text", 7)
    for other in others:
        assert binance(other) is None


def recorded(*parts: str) -> Path:
    root = os.environ.get("TRADER_DATA")
    if not root:
        pytest.skip("TRADER_DATA is not set")
    return Path(root, *parts)


@pytest.mark.recorded
def test_a_recorded_session_loses_no_trade() -> None:
    path = recorded("wire", "hftbacktest", "spot-btcusdt_20240808.gz")
    ids: list[int] = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            seen = binance(message.get("data", message))
            if isinstance(seen, TradeSeen):
                assert seen.price > 0 < seen.quantity
                ids.append(int(seen.trade_id))
    assert len(ids) > 1_000
    assert ids == list(range(ids[0], ids[0] + len(ids)))


@pytest.mark.recorded
@pytest.mark.parametrize(
    ("ccxt_id", "file", "symbols"),
    [
        ("binance", "BINANCE.0.gz", ("BTC/USDT", "ETH/USDT")),
        ("okx", "OKX.0.gz", ("BTC/USDT", "ETH/USDT")),
    ],
)
def test_recorded_instrument_lists(ccxt_id: str, file: str, symbols: tuple[str, ...]) -> None:
    """Real answers of the exchanges' instrument lists give steps that their own prices and sizes are on."""
    raw = getattr(ccxt, ccxt_id)()
    raw.options |= {"crossMarginPairsData": [], "isolatedMarginPairsData": []}
    markets: dict[str, Any] = {}
    with gzip.open(recorded("wire", "cryptofeed", file), "rt") as lines:
        for line in lines:
            start = line.find("{")
            if start < 0:
                continue
            answer = json.loads(line[start:])
            entries = answer.get("symbols") or answer.get("data") or []
            for market in (raw.parse_market(entry) for entry in entries if entry.get("instType", "SPOT") == "SPOT"):
                markets.setdefault(market["symbol"], market)
    found = instruments_of(
        markets, symbols, precision_mode=raw.precisionMode, kind=InstrumentKind.SPOT, exchange=ccxt_id
    )
    for instrument in found.values():
        assert 0 < instrument.price_tick < 1
        assert 0 < instrument.quantity_step < 1
        assert instrument.min_quantity >= instrument.quantity_step
