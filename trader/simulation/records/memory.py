"""What the simulated exchange remembers: the seam between matching and storage, and its form in memory."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from trader.domain.account import Balance
from trader.domain.instrument import Instrument
from trader.simulation.records.conditional import Conditional, ConditionalStatus
from trader.simulation.records.positions import IncomeKind, SimIncome, SimPosition
from trader.simulation.records.sim_orders import SimOrder, SimTrade

_Row = TypeVar("_Row")
_Stamped = TypeVar("_Stamped", SimTrade, SimIncome)
# a triggered one still hears of the end of its order
LIVE_CONDITIONALS = frozenset({ConditionalStatus.NEW, ConditionalStatus.TRIGGERED})
TakenLevels = dict[float, tuple[float, Decimal]]  # price -> (shown when first taken from, taken since)


class TakenSides(msgspec.Struct, frozen=True):
    """What our own orders took from the displayed levels of one symbol."""

    bids: TakenLevels
    asks: TakenLevels


class Changes(msgspec.Struct):
    """One operation's changes; written all or not at all."""

    now_ms: int = 0
    orders: dict[int, SimOrder] = msgspec.field(default_factory=dict)
    queues: dict[int, Decimal | None] = msgspec.field(default_factory=dict)  # exchange_id -> ahead, where it changed
    trades: list[SimTrade] = msgspec.field(default_factory=list)
    balances: dict[str, Balance] = msgspec.field(default_factory=dict)
    taken: dict[str, TakenSides] = msgspec.field(default_factory=dict)
    positions: dict[str, SimPosition] = msgspec.field(default_factory=dict)
    incomes: list[SimIncome] = msgspec.field(default_factory=list)
    conditionals: dict[int, Conditional] = msgspec.field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.orders
            or self.queues
            or self.trades
            or self.balances
            or self.taken
            or self.positions
            or self.incomes
            or self.conditionals
        )


class Resumed(msgspec.Struct, frozen=True):
    """Where a store left off. `balances` is empty for a fresh one."""

    now_ms: int
    last_order_id: int
    last_trade_id: int
    instruments: Mapping[str, Instrument]
    balances: Sequence[Balance]
    open_orders: Sequence[
        tuple[SimOrder, Decimal | None]
    ]  # oldest first; how much of others is ahead (None: not known)
    taken: Mapping[str, TakenSides]
    positions: Sequence[SimPosition] = ()
    last_income_id: int = 0
    conditionals: Sequence[Conditional] = ()  # those of `LIVE_CONDITIONALS`, oldest first
    last_conditional_id: int = 0


class Window(msgspec.Struct, frozen=True):
    """Which rows of a history: times are inclusive, `from_id` is the first number wanted.

    With `since_ms` or `from_id` the first `limit` of them, otherwise the newest `limit`; always oldest first.
    """

    since_ms: int | None = None
    until_ms: int | None = None
    from_id: int | None = None
    limit: int | None = None

    @property
    def wants_newest(self) -> bool:
        """Whether the newest rows are asked for, not those from somewhere on."""
        return self.since_ms is None and self.from_id is None

    def holds(self, ts_ms: int, number: int) -> bool:
        """Whether a row of that time and number belongs to it, limit aside."""
        return (
            (self.since_ms is None or ts_ms >= self.since_ms)
            and (self.until_ms is None or ts_ms <= self.until_ms)
            and (self.from_id is None or number >= self.from_id)
        )


class Records(Protocol):
    """Where orders, trades and balances are kept."""

    def resume(self) -> Resumed: ...

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None: ...

    def write(self, batch: Changes) -> None:
        """All of it, durable when it returns; raises `InvariantBroken` if it could not."""

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        """The newest order of that name."""

    def orders(self, symbol: str, window: Window) -> list[SimOrder]:
        """By creation."""

    def trades(self, symbol: str, window: Window, *, exchange_id: int | None) -> list[SimTrade]:
        """`exchange_id` keeps those of one order."""

    def incomes(self, window: Window, *, symbol: str | None, kind: IncomeKind | None) -> list[SimIncome]:
        """Movements of a margined account's wallet."""

    def conditional(self, *, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        """The newest conditional order of that name."""

    def conditionals(self, symbol: str, window: Window) -> list[Conditional]:
        """By creation."""


class MemoryRecords:
    """Records of one run that nobody resumes (backtest, tests)."""

    def __init__(self) -> None:
        self._orders: dict[int, SimOrder] = {}
        self._by_client: dict[tuple[str, str], int] = {}
        self._trades: dict[str, list[SimTrade]] = {}  # by symbol; market time never goes back, so by time as well
        self._incomes: list[SimIncome] = []
        self._conditionals: dict[int, Conditional] = {}

    def resume(self) -> Resumed:
        return Resumed(0, 0, 0, {}, (), (), {})

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Nothing to do: they live as long as the exchange."""

    def write(self, batch: Changes) -> None:
        for exchange_id, order in batch.orders.items():
            self._orders[exchange_id] = order
            self._by_client[order.symbol, order.client_id] = exchange_id
        for trade in batch.trades:
            self._trades.setdefault(trade.symbol, []).append(trade)
        self._incomes.extend(batch.incomes)
        self._conditionals.update(batch.conditionals)

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        if exchange_id is None:
            exchange_id = self._by_client.get((symbol, client_id or ""), 0)
        found = self._orders.get(exchange_id)
        return found if found is not None and found.symbol == symbol else None

    def orders(self, symbol: str, window: Window) -> list[SimOrder]:
        chosen = (each for each in self._orders.values() if each.symbol == symbol)
        return _limited([each for each in chosen if window.holds(each.created_ms, each.exchange_id)], window)

    def trades(self, symbol: str, window: Window, *, exchange_id: int | None) -> list[SimTrade]:
        since = _since(self._trades.get(symbol, []), window)
        chosen = (each for each in since if exchange_id in (None, each.exchange_id))
        return _limited([each for each in chosen if window.holds(each.ts_ms, each.trade_id)], window)

    def incomes(self, window: Window, *, symbol: str | None, kind: IncomeKind | None) -> list[SimIncome]:
        since = _since(self._incomes, window)
        chosen = (each for each in since if symbol in (None, each.symbol) and kind in (None, each.kind))
        return _limited([each for each in chosen if window.holds(each.ts_ms, each.income_id)], window)

    def conditional(self, *, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        if conditional_id is not None:
            return self._conditionals.get(conditional_id)
        return next((each for each in reversed(self._conditionals.values()) if each.client_id == client_id), None)

    def conditionals(self, symbol: str, window: Window) -> list[Conditional]:
        chosen = (each for each in self._conditionals.values() if each.symbol == symbol)
        return _limited([each for each in chosen if window.holds(each.created_ms, each.conditional_id)], window)


def _since(rows: list[_Stamped], window: Window) -> list[_Stamped]:
    """The rest of `rows` (by time) from the window's beginning on: long runs are asked for their newest minutes."""
    if window.since_ms is None:
        return rows
    return rows[bisect_left(rows, window.since_ms, key=lambda row: row.ts_ms) :]


def _limited(rows: list[_Row], window: Window) -> list[_Row]:
    """`rows` (oldest first) cut to the window's limit."""
    limit = window.limit
    if limit is None or len(rows) <= limit:
        return rows
    return rows[len(rows) - limit :] if window.wants_newest else rows[:limit]
