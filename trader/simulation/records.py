"""What the simulated exchange remembers: the seam between matching and storage, and its form in memory."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

import msgspec

from trader.domain.account import Balance
from trader.domain.instrument import Instrument
from trader.simulation.conditional import Conditional, ConditionalStatus
from trader.simulation.orders import SimOrder, SimTrade
from trader.simulation.positions import IncomeKind, SimIncome, SimPosition

_Row = TypeVar("_Row")
# a triggered one still hears of the end of its order
LIVE_CONDITIONALS = frozenset({ConditionalStatus.NEW, ConditionalStatus.TRIGGERED})
TakenLevels = dict[float, tuple[float, Decimal]]  # price -> (shown when first taken from, taken since)


class TakenSides(msgspec.Struct, frozen=True):
    """What our own orders took from the displayed levels of one symbol."""

    bids: TakenLevels
    asks: TakenLevels


class Batch(msgspec.Struct):
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


class Records(Protocol):
    """Where orders, trades and balances are kept."""

    def resume(self) -> Resumed: ...

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None: ...

    def write(self, batch: Batch) -> None:
        """All of it, durable when it returns; raises `InvariantBroken` if it could not."""

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        """The newest order of that name."""

    def orders(
        self, symbol: str, *, since_ms: int | None, until_ms: int | None, from_id: int | None, limit: int | None
    ) -> list[SimOrder]:
        """Oldest first, by creation. With `since_ms` or `from_id` the first `limit`, otherwise the newest `limit`."""

    def trades(
        self,
        symbol: str,
        *,
        since_ms: int | None,
        until_ms: int | None,
        from_id: int | None,
        exchange_id: int | None,
        limit: int | None,
    ) -> list[SimTrade]:
        """The same for trades."""

    def incomes(
        self,
        *,
        symbol: str | None,
        kind: IncomeKind | None,
        since_ms: int | None,
        until_ms: int | None,
        limit: int | None,
    ) -> list[SimIncome]:
        """Movements of a margined account's wallet, oldest first, limited in the same way."""

    def conditional(self, *, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        """The newest conditional order of that name."""

    def conditionals(
        self, symbol: str, *, since_ms: int | None, until_ms: int | None, from_id: int | None, limit: int | None
    ) -> list[Conditional]:
        """Like `orders`."""


class MemoryRecords:
    """Records of one run that nobody resumes (backtest, tests)."""

    def __init__(self) -> None:
        self._orders: dict[int, SimOrder] = {}
        self._by_client: dict[tuple[str, str], int] = {}
        self._trades: list[SimTrade] = []
        self._incomes: list[SimIncome] = []
        self._conditionals: dict[int, Conditional] = {}

    def resume(self) -> Resumed:
        return Resumed(0, 0, 0, {}, (), (), {})

    def keep_instruments(self, instruments: Iterable[Instrument]) -> None:
        """Nothing to do: they live as long as the exchange."""

    def write(self, batch: Batch) -> None:
        for exchange_id, order in batch.orders.items():
            self._orders[exchange_id] = order
            self._by_client[order.symbol, order.client_id] = exchange_id
        self._trades.extend(batch.trades)
        self._incomes.extend(batch.incomes)
        self._conditionals.update(batch.conditionals)

    def order(self, symbol: str, *, client_id: str | None, exchange_id: int | None) -> SimOrder | None:
        if exchange_id is None:
            exchange_id = self._by_client.get((symbol, client_id or ""), 0)
        found = self._orders.get(exchange_id)
        return found if found is not None and found.symbol == symbol else None

    def orders(
        self, symbol: str, *, since_ms: int | None, until_ms: int | None, from_id: int | None, limit: int | None
    ) -> list[SimOrder]:
        chosen = [
            order
            for order in self._orders.values()
            if order.symbol == symbol
            and _within(order.created_ms, since_ms, until_ms)
            and order.exchange_id >= (from_id or 0)
        ]
        return _window(chosen, limit, newest=since_ms is None and from_id is None)

    def trades(
        self,
        symbol: str,
        *,
        since_ms: int | None,
        until_ms: int | None,
        from_id: int | None,
        exchange_id: int | None,
        limit: int | None,
    ) -> list[SimTrade]:
        chosen = [
            trade
            for trade in self._trades
            if trade.symbol == symbol
            and _within(trade.ts_ms, since_ms, until_ms)
            and trade.trade_id >= (from_id or 0)
            and exchange_id in (None, trade.exchange_id)
        ]
        return _window(chosen, limit, newest=since_ms is None and from_id is None)

    def incomes(
        self,
        *,
        symbol: str | None,
        kind: IncomeKind | None,
        since_ms: int | None,
        until_ms: int | None,
        limit: int | None,
    ) -> list[SimIncome]:
        chosen = [
            income
            for income in self._incomes
            if symbol in (None, income.symbol)
            and kind in (None, income.kind)
            and _within(income.ts_ms, since_ms, until_ms)
        ]
        return _window(chosen, limit, newest=since_ms is None)

    def conditional(self, *, client_id: str | None, conditional_id: int | None) -> Conditional | None:
        if conditional_id is not None:
            return self._conditionals.get(conditional_id)
        return next((each for each in reversed(self._conditionals.values()) if each.client_id == client_id), None)

    def conditionals(
        self, symbol: str, *, since_ms: int | None, until_ms: int | None, from_id: int | None, limit: int | None
    ) -> list[Conditional]:
        chosen = [
            each
            for each in self._conditionals.values()
            if each.symbol == symbol
            and _within(each.created_ms, since_ms, until_ms)
            and each.conditional_id >= (from_id or 0)
        ]
        return _window(chosen, limit, newest=since_ms is None and from_id is None)


def _within(ts_ms: int, since_ms: int | None, until_ms: int | None) -> bool:
    return (since_ms is None or ts_ms >= since_ms) and (until_ms is None or ts_ms <= until_ms)


def _window(rows: list[_Row], limit: int | None, *, newest: bool) -> list[_Row]:
    """The first `limit` of `rows` (oldest first), or with `newest` the last `limit`."""
    if limit is None or len(rows) <= limit:
        return rows
    return rows[len(rows) - limit :] if newest else rows[:limit]
