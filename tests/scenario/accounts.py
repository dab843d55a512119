"""An account as three witnesses know it - the exchange, the paper venue, our ledger - in one comparable form."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from tests.kit.daemon import Daemon, market_ms
from tests.scenario.conftest import STANDSTILL, merged
from trader.adapters.sql import SqlLedgerReader
from trader.domain.orders import OrderStatus
from trader.sandbox.market.listing import listing_for
from trader.simulation.exchange import SimulatedExchange

MANY = 100_000
_STATUS = {"NEW": "open", "PARTIALLY_FILLED": "partially_filled"}
_TYPE = {"STOP_LOSS": "stop_market", "LIMIT_MAKER": "limit"}
CATCH_UPS = 5
_MOMENT_MS = 120_000
_IN_DOUBT = (OrderStatus.PENDING, OrderStatus.UNKNOWN)
_NEVER_THERE = (OrderStatus.REJECTED, OrderStatus.NOT_PLACED)


class FillRow(NamedTuple):
    exchange_order_id: str
    side: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_currency: str
    ts_ms: int
    is_maker: bool


class OrderRow(NamedTuple):
    symbol: str
    exchange_id: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal
    stop_price: Decimal
    filled: Decimal
    status: str


class Account(NamedTuple):
    balances: dict[str, Decimal]  # totals that are not zero
    fills: dict[tuple[str, str], FillRow]  # by (symbol, fill id)
    orders: dict[str, OrderRow]  # by client id


def of_exchange(state: Mapping[str, Any]) -> Account:
    """From `/sandbox/state`."""
    names = {symbol.replace("/", ""): symbol for symbol in state["symbols"]}
    totals = {c: Decimal(b["free"]) + Decimal(b["locked"]) for c, b in state["balances"].items()}
    fills = {
        (names[f["symbol"]], str(f["id"])): FillRow(
            str(f["orderId"]),
            "buy" if f["isBuyer"] else "sell",
            Decimal(f["price"]),
            Decimal(f["qty"]),
            Decimal(f["commission"]),
            f["commissionAsset"],
            f["time"],
            f["isMaker"],
        )
        for f in state["fills"]
    }
    orders = {
        o["clientOrderId"]: OrderRow(
            names[o["symbol"]],
            str(o["orderId"]),
            o["side"].lower(),
            _TYPE.get(o["type"], o["type"].lower()),
            Decimal(o["origQty"]),
            Decimal(o["price"]),
            Decimal(o["stopPrice"]),
            Decimal(o["executedQty"]),
            _STATUS.get(o["status"], o["status"].lower()),
        )
        for o in state["orders"]
    }
    assert len(fills) == len(state["fills"])
    assert len(orders) == len(state["orders"]), "a client id was used twice"
    return Account({c: total for c, total in totals.items() if total}, fills, orders)


def of_simulation(exchange: SimulatedExchange, symbols: Iterable[str]) -> Account:
    """From the paper venue's own books."""
    trades = [trade for symbol in symbols for trade in exchange.trades(symbol)]
    placed = [order for symbol in symbols for order in exchange.orders(symbol)]
    fills = {
        (t.symbol, str(t.trade_id)): FillRow(
            str(t.exchange_id), t.side.value, t.price, t.quantity, t.fee, t.fee_currency, t.ts_ms, t.is_maker
        )
        for t in trades
    }
    orders = {
        o.client_id: OrderRow(
            o.symbol,
            str(o.exchange_id),
            o.side.value,
            "stop_market" if o.stop_price is not None else o.type.value,
            o.quantity,
            o.price or Decimal(0),
            o.stop_price or Decimal(0),
            o.filled,
            o.status.value,
        )
        for o in placed
    }
    assert len(fills) == len(trades)
    assert len(orders) == len(placed), "a client id was used twice"
    return Account({b.currency: b.total for b in exchange.balances() if b.total}, fills, orders)


def of_ledger(ledger: SqlLedgerReader) -> Account:
    """From our ledger. Orders that the exchange never had are left out: so it must not have them."""
    fills = {
        (f.symbol, f.fill_id): FillRow(
            f.exchange_order_id, f.side.value, f.price, f.quantity, f.fee, f.fee_currency, f.ts_ms, f.is_maker
        )
        for f in ledger.fills(limit=MANY)
    }
    orders = {
        o.client_id: OrderRow(
            o.symbol,
            o.exchange_id or "",
            o.intent.side.value,
            o.intent.type.value,
            o.intent.quantity,
            o.intent.price or Decimal(0),
            o.intent.stop_price or Decimal(0),
            o.filled,
            o.status.value,
        )
        for o in ledger.orders(limit=MANY)
        if o.status not in _NEVER_THERE
    }
    return Account({b.currency: b.total for b in ledger.balances()}, fills, orders)


def assert_equal(ours: Account, theirs: Account) -> None:
    """To the last digit: balances, every fill, every order."""
    assert ours.fills == theirs.fills
    assert ours.orders == theirs.orders
    assert ours.balances == theirs.balances


def ended_equal(daemon: Daemon) -> Mapping[str, Any]:
    """After the daemon has ended: its ledger equals the exchange. Returns the exchange's state.

    The exchange goes on without the daemon. Where a resting stop fired since, the daemon must catch up with it.
    """
    for _ in range(CATCH_UPS):
        state = daemon.truth()
        with daemon.ledger() as ledger:
            ours = of_ledger(ledger)
        if ours == of_exchange(state) or not _fired_since(state, _stopping_ms(daemon)):
            break
        catch_up(daemon)
    assert_equal(ours, of_exchange(state))
    return state


def catch_up(daemon: Daemon) -> None:
    """Start and end it once more, in a market that hardly moves, opening nothing."""
    daemon.configure(merged(daemon.config, {**STANDSTILL, "strategy": {"minimum_edge_bps": 1_000.0}}))
    daemon.start()
    daemon.wait_for("daemon.ready")
    assert daemon.terminate() == 0


def nothing_in_doubt(daemon: Daemon) -> None:
    """Wait until the fate of every order is known."""

    def is_known() -> bool:
        with daemon.ledger() as ledger:
            return not any(order.status in _IN_DOUBT for order in ledger.orders(limit=MANY, open_only=True))

    daemon.wait_until(is_known, "the fate of every order is known")


def _fired_since(state: Mapping[str, Any], since_ms: float) -> bool:
    stops = [order for order in state["orders"] if order["type"] == "STOP_LOSS"]
    return any(Decimal(order["executedQty"]) and order["updateTime"] >= since_ms for order in stops)


def _stopping_ms(daemon: Daemon) -> float:
    """Market time at which the last run began to stop, less a moment for what was on its way."""
    return market_ms(daemon.lines("daemon.stopping")[-1]) - _MOMENT_MS


def unprotected(state: Mapping[str, Any]) -> dict[str, str]:
    """Symbol -> what is wrong: coins held (beyond dust) without resting stops of their size."""
    account = of_exchange(state)
    wrong = {}
    for symbol, market in state["symbols"].items():
        instrument = listing_for(symbol).instrument
        held = instrument.round_quantity(account.balances.get(instrument.base, Decimal(0)))
        stops = sum(
            (o.quantity - o.filled for o in account.orders.values()
             if o.symbol == symbol and o.type == "stop_market" and o.status in ("open", "partially_filled")),
            Decimal(0),
        )  # fmt: skip
        is_dust = instrument.refusal(held, Decimal(market["last_price"])) is not None
        if not is_dust and not held - instrument.quantity_step <= stops <= held:
            wrong[symbol] = f"{held} held, {stops} protected"
    return wrong
