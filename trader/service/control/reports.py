"""The read commands, answered the same way by the running daemon and from the ledger alone.

Every answer is `{"rows": [...]}` of flat objects, or the status object. Money and quantities are exact decimal text,
times are ms UTC of the market.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from trader.domain.account import Position
from trader.domain.decisions import ClosedTrade, EquitySnapshot
from trader.domain.errors import Rejected
from trader.domain.orders import Order, Purpose
from trader.domain.reasons import texts
from trader.domain.signals import DecisionRecord
from trader.ports import LedgerReader
from trader.service.control.status import MoneyStatus, PositionStatus, StatusSnapshot
from trader.service.control.tca import cost_rows

Snapshot = Callable[[], StatusSnapshot]

MOST_ROWS = 5_000


class _Arguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: int = 20
    symbol: str | None = None
    open_only: bool = False


class Reports:
    """Answers `READS` from a ledger and, where a daemon runs, its live snapshot."""

    def __init__(self, ledger: LedgerReader, snapshot: Snapshot) -> None:
        self._ledger = ledger
        self._snapshot = snapshot

    def answer(self, command: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """One read command. Raises `Rejected` for an unknown command or argument. Blocks on the disk: call it in a
        thread from a loop.
        """
        try:
            asked = msgspec.convert(arguments, _Arguments)
        except msgspec.ValidationError as error:
            raise Rejected(f"{command}: {error}; allowed: limit, symbol, open_only") from None
        if not 1 <= asked.limit <= MOST_ROWS:
            raise Rejected(f"{command}: limit {asked.limit}; allowed: 1 to {MOST_ROWS}")
        if command == "status":
            status: dict[str, Any] = _plain(self._snapshot())
            return status
        return {"rows": [_plain(row) for row in self._rows(command, asked)]}

    def _rows(self, command: str, asked: _Arguments) -> Sequence[object]:
        if command == "positions":
            return self._snapshot().positions
        if command in _LISTS:
            return _LISTS[command](self._ledger, asked)
        raise Rejected(f"unknown command {command!r}; allowed: {', '.join(READS)}")


def _wider(asked: _Arguments) -> int:
    return asked.limit if asked.symbol is None else MOST_ROWS


def _of_symbol(rows: list[Any], asked: _Arguments) -> list[Any]:
    return [row for row in rows if asked.symbol in (None, row.symbol)][: asked.limit]


def _orders(ledger: LedgerReader, asked: _Arguments) -> Sequence[object]:
    found = ledger.orders(limit=_wider(asked), open_only=asked.open_only)
    return [order_report(order) for order in _of_symbol(found, asked)]


def _decisions(ledger: LedgerReader, asked: _Arguments) -> Sequence[object]:
    return [decision_report(record) for record in ledger.decisions(limit=asked.limit, symbol=asked.symbol)]


def _trades(ledger: LedgerReader, asked: _Arguments) -> Sequence[object]:
    return [trade_report(trade) for trade in _of_symbol(ledger.trades(limit=_wider(asked)), asked)]


_LISTS: Mapping[str, Callable[[LedgerReader, _Arguments], Sequence[object]]] = {
    "orders": _orders,
    "decisions": _decisions,
    "fills": lambda ledger, asked: _of_symbol(ledger.fills(limit=_wider(asked)), asked),
    "trades": _trades,
    "payments": lambda ledger, asked: _of_symbol(ledger.payments(limit=_wider(asked)), asked),
    "balances": lambda ledger, _asked: ledger.balances(),
    "executions": lambda ledger, asked: _of_symbol(ledger.executions(limit=_wider(asked)), asked),
    "tca": lambda ledger, asked: cost_rows(_of_symbol(ledger.executions(limit=_wider(asked)), asked)),
    "equity": lambda ledger, asked: ledger.equity(limit=asked.limit),
}
"""What the ledger alone answers: a new list is a line here."""

READS = ("status", "positions", *_LISTS)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value, enc_hook=str)


def trade_report(trade: ClosedTrade) -> dict[str, object]:
    """A closed trade with its excursions in R too, and how much of the best one it kept."""

    def in_r(frac: float | None) -> float | None:
        return None if frac is None or not trade.r_frac else frac / trade.r_frac

    told = {"best_r": in_r(trade.best_frac), "worst_r": in_r(trade.worst_frac), "capture": trade.capture}
    return {**msgspec.structs.asdict(trade), **told}


class DecisionReportRow(msgspec.Struct, frozen=True):
    """A decision with its reasons in words, their codes beside them."""

    decision_id: str
    ts_ms: int
    symbol: str
    candle_open_ms: int
    verdict: str
    reasons: tuple[str, ...]
    codes: tuple[str, ...]
    regime: str
    prediction: float
    win_probability: float
    edge_bps: float
    cost_bps: float
    model_id: str
    side: str
    quantity: str
    algorithm: str
    parent_id: str
    feature_hash: str
    strategy_id: str


def decision_report(record: DecisionRecord) -> DecisionReportRow:
    return DecisionReportRow(
        decision_id=record.decision_id,
        ts_ms=record.ts_ms,
        symbol=record.symbol,
        candle_open_ms=record.candle_open_ms,
        verdict=record.verdict,
        reasons=texts(record.reasons),
        codes=tuple(reason.code for reason in record.reasons),
        regime=record.regime,
        prediction=record.prediction,
        win_probability=record.win_probability,
        edge_bps=record.edge_bps,
        cost_bps=record.cost_bps,
        model_id=record.model_id,
        side=record.side or "",
        quantity="" if record.quantity is None else format(record.quantity, "f"),
        algorithm=record.algorithm or "",
        parent_id=record.parent_id,
        feature_hash=record.feature_hash,
        strategy_id=record.strategy_id,
    )


class OrderReportRow(msgspec.Struct, frozen=True):
    """An order and its intent side by side."""

    client_id: str
    symbol: str
    side: str
    type: str
    purpose: str
    status: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    stop_price: Decimal | None
    average_price: Decimal | None
    created_ms: int
    updated_ms: int
    exchange_id: str | None
    parent_id: str
    decision_id: str
    time_in_force: str
    post_only: bool
    reduce_only: bool
    reason: str


def order_report(order: Order) -> OrderReportRow:
    intent = order.intent
    return OrderReportRow(
        client_id=order.client_id,
        symbol=order.symbol,
        side=intent.side,
        type=intent.type,
        purpose=intent.purpose,
        status=order.status,
        quantity=intent.quantity,
        filled=order.filled,
        price=intent.price,
        stop_price=intent.stop_price,
        average_price=order.average_price,
        created_ms=order.created_ms,
        updated_ms=order.updated_ms,
        exchange_id=order.exchange_id,
        parent_id=intent.parent_id,
        decision_id=intent.decision_id,
        time_in_force=intent.time_in_force,
        post_only=intent.post_only,
        reduce_only=intent.reduce_only,
        reason=str(order.refusal or ""),
    )


def position_status(position: Position, open_orders: Iterable[Order]) -> PositionStatus:
    """A position and the stop that rests for it, as the ledger alone knows them: without prices and plan."""
    stops = [order.intent.stop_price for order in open_orders if order.intent.purpose is Purpose.STOP]
    resting = next((price for price in stops if price is not None), None)
    return PositionStatus(
        symbol=position.symbol,
        side="long" if position.quantity > 0 else "short",
        quantity=format(abs(position.quantity), "f"),
        entry_price=format(position.entry_price, "f"),
        opened_ms=position.opened_ms,
        realised_quote=format(position.realised_quote, "f"),
        fees_quote=format(position.fees_quote, "f"),
        stop_price=None if resting is None else format(resting, "f"),
    )


def ledger_snapshot(ledger: LedgerReader, mode: str, exchange: str, timeframe: str) -> StatusSnapshot:
    """The status of a daemon that does not run: what its ledger last knew."""
    state, reasons = ledger.trading_state()
    newest = next(iter(ledger.equity(limit=1)), None)
    open_orders = ledger.orders(limit=MOST_ROWS, open_only=True)
    return StatusSnapshot(
        running=False,
        mode=mode,
        exchange=exchange,
        timeframe=timeframe,
        trading_state=state,
        trading_reasons=texts(reasons),
        market_ms=newest.ts_ms if newest is not None else None,
        money=_money(newest) if newest is not None else None,
        positions=tuple(
            position_status(position, (order for order in open_orders if order.symbol == position.symbol))
            for position in ledger.positions()
        ),
        open_orders=len(open_orders),
        note="the daemon is not running; this is what its ledger last knew",
    )


def starting_snapshot(pid: int, mode: str, exchange: str, timeframe: str) -> StatusSnapshot:
    """The status of a daemon that holds its lock but does not answer yet: it compiles, trains or loads history."""
    return StatusSnapshot(
        running=True,
        mode=mode,
        exchange=exchange,
        timeframe=timeframe,
        trading_state="starting",
        phase="starting",
        pid=pid,
        note="starting: compiling, training a model or loading history; nothing is traded yet",
    )


def _money(snapshot: EquitySnapshot) -> MoneyStatus:
    return MoneyStatus(
        equity=snapshot.equity,
        cash=snapshot.cash,
        exposure=snapshot.exposure,
        peak=snapshot.peak,
        day_start=snapshot.day_start,
    )
