"""The simulated exchange's own account. Spot here; `perpetual_account` has the margined one, behind `Account`."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from trader.domain.account import Balance
from trader.domain.errors import InvariantBroken, Rejected
from trader.domain.instrument import ZERO, Instrument
from trader.domain.orders import OrderType, Side
from trader.domain.refusals import RefusalCode
from trader.simulation.records.positions import SimIncome, SimPosition
from trader.simulation.records.sim_orders import ChangeReason, SimOrder, SimRequest, SimTrade


class AccountChange(msgspec.Struct, frozen=True):
    """What changed since somebody last asked: balances by currency, positions by symbol, wallet movements in order."""

    balances: tuple[Balance, ...]
    positions: tuple[SimPosition, ...] = ()
    incomes: tuple[SimIncome, ...] = ()
    reason: ChangeReason = "order"


class Account(Protocol):
    """The rules of an account: what an order needs, what it locks, what a trade does."""

    def admit(self, order: SimOrder, cost: Decimal) -> None:
        """Raise `Rejected` (insufficient_funds and the like) unless a new order can be carried.

        `cost`: quote that a market order will move at once.
        """

    def room(self, order: SimOrder | SimRequest) -> Decimal | None:
        """Most base that `order` may still trade; None where only its quantity limits it."""

    def outlived(self, orders: Iterable[SimOrder]) -> list[SimOrder]:
        """Those open `orders` that have nothing left to do and expire."""

    def realised(self, order: SimOrder, price: Decimal, quantity: Decimal) -> Decimal:
        """Profit that executing so much of `order` would realise, before its fee."""

    def budget(self, order: SimOrder) -> Decimal | None:
        """Most quote this order may still spend from free funds; None where its lock covers it."""

    def change(self, before: SimOrder | None, after: SimOrder, trade: SimTrade | None) -> None:
        """An order went from `before` (None: it is new) to `after`, by `trade` if there was one."""

    def transfer(self, currency: str, amount: Decimal, now_ms: int) -> None:
        """Money comes in from outside, or goes out (`amount` below 0). Raises `Rejected` (insufficient_funds)."""

    def balances(self) -> list[Balance]:
        """Every currency ever held, by name."""

    def take_changed(self) -> AccountChange | None:
        """What changed since the last call; None for nothing."""


class SpotAccount:
    """Free and locked amounts per currency.

    Locked, exactly: for every open order the base it still sells, or the quote it still buys for at its limit
    (or stop) price. A triggered buy stop and a market buy lock nothing: they pay from what is free.
    """

    def __init__(self, instruments: Mapping[str, Instrument], balances: Iterable[Balance]) -> None:
        self._instruments = instruments
        self._free: dict[str, Decimal] = {}
        self._locked: dict[str, Decimal] = {}
        self._changed: set[str] = set()
        for balance in balances:
            self._free[balance.currency] = balance.free
            self._locked[balance.currency] = balance.locked

    def admit(self, order: SimOrder, cost: Decimal) -> None:
        currency, amount = self._held(order)
        self._require(currency, amount)
        if order.side is Side.BUY:
            self._require(self._instruments[order.symbol].quote, cost)

    def room(self, order: SimOrder | SimRequest) -> Decimal | None:
        return None

    def outlived(self, orders: Iterable[SimOrder]) -> list[SimOrder]:
        return []

    def realised(self, order: SimOrder, price: Decimal, quantity: Decimal) -> Decimal:
        return ZERO

    def budget(self, order: SimOrder) -> Decimal | None:
        if order.side is Side.SELL or order.type is OrderType.LIMIT:
            return None
        return self._free.get(self._instruments[order.symbol].quote, ZERO)

    def change(self, before: SimOrder | None, after: SimOrder, trade: SimTrade | None) -> None:
        if before is not None:
            currency, amount = self._held(before)
            self._move(currency, free=amount, locked=-amount)
        if trade is not None:
            self._settle(trade)
        currency, amount = self._held(after)
        self._move(currency, free=-amount, locked=amount)
        self._check(currency)

    def transfer(self, currency: str, amount: Decimal, now_ms: int) -> None:
        self._require(currency, -amount)
        self._move(currency, free=amount)

    def balances(self) -> list[Balance]:
        return [self._balance(currency) for currency in sorted(self._free)]

    def take_changed(self) -> AccountChange | None:
        changed = tuple(self._balance(currency) for currency in sorted(self._changed))
        self._changed.clear()
        return AccountChange(changed) if changed else None

    def _held(self, order: SimOrder) -> tuple[str, Decimal]:
        instrument = self._instruments[order.symbol]
        if order.side is Side.SELL:
            return instrument.base, order.remaining if order.is_open else ZERO
        price = order.price if order.type is OrderType.LIMIT else order.stop_price
        if price is None or not order.is_open or (order.is_triggered and order.type is not OrderType.LIMIT):
            return instrument.quote, ZERO
        return instrument.quote, order.remaining * price

    def _settle(self, trade: SimTrade) -> None:
        instrument = self._instruments[trade.symbol]
        sign = trade.side.sign
        self._move(instrument.base, free=sign * trade.quantity)
        self._move(instrument.quote, free=-sign * trade.quote_quantity)
        self._move(trade.fee_currency, free=-trade.fee)
        self._check(instrument.quote)

    def _move(self, currency: str, *, free: Decimal, locked: Decimal = ZERO) -> None:
        if not free and not locked:
            return
        self._free[currency] = self._free.get(currency, ZERO) + free
        self._locked[currency] = self._locked.get(currency, ZERO) + locked
        self._changed.add(currency)

    def _balance(self, currency: str) -> Balance:
        return Balance(currency, self._free[currency], self._locked.get(currency, ZERO))

    def _require(self, currency: str, amount: Decimal) -> None:
        free = self._free.get(currency, ZERO)
        if amount > free:
            raise Rejected(f"needs {amount} {currency}, {free} is free", code=RefusalCode.INSUFFICIENT_FUNDS)

    def _check(self, currency: str) -> None:
        free, locked = self._free.get(currency, ZERO), self._locked.get(currency, ZERO)
        if free < 0 or locked < 0:
            raise InvariantBroken(f"simulated account: {currency} free {free}, locked {locked}")
