"""The ledger for people: read-only, while the daemon runs and when it does not."""

from pathlib import Path

from trader.adapters.sql import selects, story
from trader.adapters.sql.database import open_for_reading
from trader.adapters.sql.recovery import RecoveredLedger, recovered
from trader.domain.account import Balance, Payment, Position
from trader.domain.decisions import ClosedTrade, EquitySnapshot, ExecutionReport, TradingState
from trader.domain.errors import Misconfigured
from trader.domain.orders import Fill, Order
from trader.domain.reasons import Reason
from trader.domain.signals import DecisionRecord
from trader.ports import Aftermath


class SqlLedgerReader:
    """`ports.LedgerReader` over the journal's file. Lists are newest first.

    Raises `Misconfigured` when there is no ledger at `path` or none that can be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = open_for_reading(path)

    def positions(self) -> list[Position]:
        """Positions that are not flat."""
        with self._engine.connect() as connection:
            return selects.positions(connection)

    def orders(self, *, limit: int, open_only: bool = False) -> list[Order]:
        with self._engine.connect() as connection:
            return selects.orders(connection, limit=limit, open_only=open_only)

    def fills(self, *, limit: int) -> list[Fill]:
        with self._engine.connect() as connection:
            return selects.fills(connection, limit=limit)

    def payments(self, *, limit: int) -> list[Payment]:
        with self._engine.connect() as connection:
            return selects.payments(connection, limit=limit)

    def decisions(self, *, limit: int, symbol: str | None = None) -> list[DecisionRecord]:
        with self._engine.connect() as connection:
            return selects.decisions(connection, limit=limit, symbol=symbol)

    def decided_symbols(self) -> list[str]:
        """Symbols with a decision on record, in order."""
        with self._engine.connect() as connection:
            return story.decided_symbols(connection)

    def decision_near(self, symbol: str, open_ms: int) -> tuple[DecisionRecord | None, DecisionRecord | None]:
        """The newest decision on a candle that opened at `open_ms` or before, and the oldest on one after."""
        with self._engine.connect() as connection:
            return story.decision_near(connection, symbol, open_ms)

    def aftermath(self, record: DecisionRecord, until_ms: int) -> Aftermath:
        """What came of a decision; of one to leave, what was asked before `until_ms`."""
        with self._engine.connect() as connection:
            return story.aftermath(connection, record, until_ms)

    def trades(self, *, limit: int) -> list[ClosedTrade]:
        with self._engine.connect() as connection:
            return selects.trades(connection, limit=limit)

    def executions(self, *, limit: int) -> list[ExecutionReport]:
        with self._engine.connect() as connection:
            return selects.executions(connection, limit=limit)

    def balances(self) -> list[Balance]:
        """Balances that are not zero."""
        with self._engine.connect() as connection:
            return [balance for balance in selects.balances(connection) if balance.total]

    def equity(self, *, limit: int) -> list[EquitySnapshot]:
        with self._engine.connect() as connection:
            return selects.equity(connection, limit=limit)

    def trading_state(self) -> tuple[TradingState, tuple[Reason, ...]]:
        with self._engine.connect() as connection:
            return selects.trading_state(connection)

    def count_inputs(self, *, after: int) -> int:
        """How many of the engine's inputs with a number above `after` are kept here."""
        with self._engine.connect() as connection:
            return selects.count_inputs(connection, after=after)

    def recovered(self) -> RecoveredLedger:
        """What the next start would go on from. Raises `Misconfigured` when it could not."""
        try:
            with self._engine.connect() as connection:
                return recovered(connection)
        except ValueError as error:
            raise Misconfigured(f"{self._path}: cannot be read: {error}") from error

    def ledger_id(self) -> str:
        """The name made once for this ledger."""
        with self._engine.connect() as connection:
            return selects.meta(connection, "ledger_id") or ""

    def close(self) -> None:
        self._engine.dispose()
