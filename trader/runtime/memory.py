"""A journal in memory: what a replay keeps, and what an engine goes on from after a crash of one."""

from typing import assert_never

import msgspec

from trader.domain.account import Balance, Position
from trader.domain.decisions import (
    AnswerCommand,
    CancelOrder,
    ClosedTrade,
    Decision,
    EquitySnapshot,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPayment,
    KeepPosition,
    KeepState,
    KeepTradingState,
    MarkExecution,
    Notify,
    QueryOrder,
    RecordDecision,
    RecordEquity,
    RecordExecution,
    RecordTrade,
    RequestReconcile,
    SetTimer,
    SubmitOrder,
)
from trader.domain.orders import Fill, Order
from trader.ports import REMEMBERED_TRADES
from trader.runtime.turn import Turn


class Memory(msgspec.Struct):
    """Implements `ports.Recovered`. What only reports need (executions) is left to outlets."""

    ledger_id: str
    last_seq: int = 0
    orders_by_id: dict[str, Order] = {}
    fill_ids_seen: set[tuple[str, str]] = set()
    fills_by_symbol: dict[str, list[Fill]] = {}  # since the position was opened
    last_fill_ms: dict[str, int] = {}
    payment_ids_seen: set[str] = set()
    last_payment_ms: int = 0
    decided_ms: dict[str, int] = {}
    positions_by_symbol: dict[str, Position] = {}
    balances_by_currency: dict[str, Balance] = {}
    state: dict[tuple[str, str], bytes] = {}
    equity: EquitySnapshot | None = None
    trades_closed: list[ClosedTrade] = []

    @property
    def trades(self) -> list[ClosedTrade]:
        return self.trades_closed[: -REMEMBERED_TRADES - 1 : -1]

    @property
    def orders(self) -> list[Order]:
        return list(self.orders_by_id.values())

    @property
    def fill_ids(self) -> frozenset[tuple[str, str]]:
        return frozenset(self.fill_ids_seen)

    @property
    def position_fills(self) -> list[Fill]:
        held = (symbol for symbol, position in self.positions_by_symbol.items() if not position.is_flat)
        return [fill for symbol in held for fill in self.fills_by_symbol.get(symbol, ())]

    @property
    def payment_ids(self) -> frozenset[str]:
        return frozenset(self.payment_ids_seen)

    @property
    def positions(self) -> list[Position]:
        return list(self.positions_by_symbol.values())

    @property
    def balances(self) -> list[Balance]:
        return list(self.balances_by_currency.values())

    def write(self, turn: Turn) -> None:
        """Keep what `turn` decided, all of it or (where this raises) none that counts."""
        self.last_seq = turn.seq
        for decision in turn.decisions:
            self._keep(decision)

    def _keep(self, decision: Decision) -> None:
        match decision:
            case KeepOrder(order=order):
                self.orders_by_id[order.client_id] = order
            case KeepState(kind=kind, key=key, value=value):
                if value is None:
                    self.state.pop((kind, key), None)
                else:
                    self.state[kind, key] = value
            case KeepFill(fill=fill):
                self.fill_ids_seen.add((fill.symbol, fill.fill_id))
                self.last_fill_ms[fill.symbol] = max(fill.ts_ms, self.last_fill_ms.get(fill.symbol, 0))
                self.fills_by_symbol.setdefault(fill.symbol, []).append(fill)
            case KeepPayment(payment=payment):
                self.payment_ids_seen.add(payment.payment_id)
                self.last_payment_ms = max(payment.ts_ms, self.last_payment_ms)
            case KeepPosition(position=position):
                self.positions_by_symbol[position.symbol] = position
                self._forget_fills(position)
            case KeepBalance(balance=balance):
                self.balances_by_currency[balance.currency] = balance
            case RecordDecision(record=record):
                self.decided_ms[record.symbol] = record.candle_open_ms
            case RecordEquity(snapshot=snapshot):
                self.equity = snapshot
            case RecordTrade(trade=trade):
                self.trades_closed.append(trade)
            case RecordExecution() | MarkExecution() | KeepTradingState():
                pass  # nothing goes on from these
            case SubmitOrder() | CancelOrder() | QueryOrder() | RequestReconcile() | SetTimer() | AnswerCommand():
                pass  # a sent order was kept as pending before
            case Notify():
                pass
            case _:
                assert_never(decision)

    def _forget_fills(self, position: Position) -> None:
        """Those of trades before the one that `position` is."""
        if position.is_flat:
            self.fills_by_symbol.pop(position.symbol, None)
        elif (known := self.fills_by_symbol.get(position.symbol)) and known[0].ts_ms < position.opened_ms:
            self.fills_by_symbol[position.symbol] = [fill for fill in known if fill.ts_ms >= position.opened_ms]
