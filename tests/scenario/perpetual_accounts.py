"""The margined account as the exchange and our ledger know it, in one comparable form."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tests.kit.daemon import Daemon
from tests.scenario.accounts import CATCH_UPS, MANY, Account, FillRow, OrderRow, assert_equal, catch_up, of_ledger
from trader.adapters.sql import SqlLedgerReader

_STATUS = {"NEW": "open", "PARTIALLY_FILLED": "partially_filled"}
_PAYMENTS = {"FUNDING_FEE": "funding", "INSURANCE_CLEAR": "liquidation"}
_FORCED = "autoclose-"

Payments = list[tuple[int, str, str, Decimal]]  # (when, kind, symbol, amount), in order


class Margined(NamedTuple):
    account: Account
    positions: dict[str, Decimal]  # that are not flat
    payments: Payments


def of_exchange(state: Mapping[str, Any]) -> Margined:
    """From `usdm` of `/sandbox/state`."""
    usdm = state["usdm"]
    names = {symbol.partition(":")[0].replace("/", ""): symbol for symbol in usdm["symbols"]}
    fills = {
        (names[f["symbol"]], str(f["id"])): FillRow(
            str(f["orderId"]),
            f["side"].lower(),
            Decimal(f["price"]),
            Decimal(f["qty"]),
            Decimal(f["commission"]),
            f["commissionAsset"],
            f["time"],
            f["maker"],
        )
        for f in usdm["fills"]
    }
    assert len(fills) == len(usdm["fills"])
    balances = {each["asset"]: Decimal(each["walletBalance"]) for each in usdm["account"]}
    positions = {names[p["symbol"]]: Decimal(p["positionAmt"]) for p in usdm["positions"]}
    payments = [
        (i["time"], _PAYMENTS[i["incomeType"]], names[i["symbol"]], Decimal(i["income"]))
        for i in usdm["incomes"]
        if i["incomeType"] in _PAYMENTS
    ]
    orders = _orders(usdm, names)
    account = Account({asset: total for asset, total in balances.items() if total}, fills, orders)
    return Margined(account, {s: quantity for s, quantity in positions.items() if quantity}, sorted(payments))


def _orders(usdm: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, OrderRow]:
    """By client id. A conditional order that has triggered has the number, the fills and the end of its order."""
    ordinary = {o["orderId"]: o for o in usdm["orders"] if not o["clientOrderId"].startswith(_FORCED)}
    found = {}
    for algo in usdm["algo_orders"]:
        became = ordinary.pop(int(algo["actualOrderId"] or 0), None)
        status = algo["algoStatus"] if became is None else became["status"]
        status = "EXPIRED" if status == "REJECTED" else status  # what it would have become was refused
        found[algo["clientAlgoId"]] = OrderRow(
            names[algo["symbol"]],
            f"c{algo['algoId']}" if became is None else str(became["orderId"]),
            algo["side"].lower(),
            "stop_market",
            Decimal(algo["quantity"]),
            Decimal(0),
            Decimal(algo["triggerPrice"]),
            Decimal(0 if became is None else became["executedQty"]),
            _STATUS.get(status, status.lower()),
        )
    for order in ordinary.values():
        assert order["clientOrderId"] not in found, "a client id was used twice"
        found[order["clientOrderId"]] = OrderRow(
            names[order["symbol"]],
            str(order["orderId"]),
            order["side"].lower(),
            order["type"].lower(),
            Decimal(order["origQty"]),
            Decimal(order["price"]),
            Decimal(0),
            Decimal(order["executedQty"]),
            _STATUS.get(order["status"], order["status"].lower()),
        )
    return found


def of_our_ledger(ledger: SqlLedgerReader) -> Margined:
    paid = [(p.ts_ms, p.kind.value, p.symbol, p.amount) for p in ledger.payments(limit=MANY)]
    held = {position.symbol: position.quantity for position in ledger.positions()}
    return Margined(of_ledger(ledger), held, sorted(paid))


def assert_all_equal(ours: Margined, theirs: Margined) -> None:
    """To the last digit: wallets, every fill, order and payment, and what is held."""
    assert_equal(ours.account, theirs.account)
    assert ours.payments == theirs.payments
    assert ours.positions == theirs.positions


def ended_equal(daemon: Daemon) -> Margined:
    """After the daemon has ended: its ledger equals the exchange. Returns what the exchange says.

    The exchange goes on without the daemon: where a stop fired or funding was paid since, it must catch up with that.
    """
    for _ in range(CATCH_UPS):
        theirs = of_exchange(daemon.truth())
        with daemon.ledger() as ledger:
            ours = of_our_ledger(ledger)
        if (len(ours.account.fills), ours.payments) == (len(theirs.account.fills), theirs.payments):
            break
        catch_up(daemon)
    assert_all_equal(ours, theirs)
    return theirs


def unprotected(margined: Margined) -> dict[str, str]:
    """Symbol -> what is wrong: a position without one resting stop of its size on its other side."""
    wrong = {}
    for symbol, quantity in margined.positions.items():
        side = "sell" if quantity > 0 else "buy"
        stops = [
            order.quantity
            for order in margined.account.orders.values()
            if (order.symbol, order.type, order.side, order.status) == (symbol, "stop_market", side, "open")
        ]
        if max(stops, default=Decimal(0)) != abs(quantity):
            wrong[symbol] = f"{quantity} held, {stops} protected"
    return wrong
