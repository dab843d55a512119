"""Balances and positions, moved by fills and by nothing else (payments and named transfers apart)."""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from types import MappingProxyType

import msgspec

from trader.domain.account import Balance, Payment, Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import ClosedTrade
from trader.domain.instrument import EXACT, ZERO, Instrument, InstrumentKind
from trader.domain.orders import Fill, Side
from trader.domain.undo import Part, Undo
from trader.execution.costs import fee_in_quote
from trader.portfolio.lot import CENT, Lot, average, lot_of, lots_of, share_of


class LedgerChange(msgspec.Struct, frozen=True):
    """What one booking changed. `balances` are new totals (all in `free`); a closed position has quantity 0."""

    balances: tuple[Balance, ...] = ()
    position: Position | None = None
    closed: ClosedTrade | None = None
    fee_quote: Decimal = ZERO


class Ledger(Part):
    """What we own, exact to the last digit.

    Whoever calls `apply` has made sure that each fill comes once (`OrderTracker.filled`). Positions are net, at
    average cost. `dust` (base currency -> quantity) holds what an exit left below the instrument's minimum: it is
    still in the balance, no longer in a position, and joins the next position opened in that currency.
    """

    def __init__(self, undo: Undo | None = None) -> None:
        super().__init__(undo)
        self._balances: dict[str, Decimal] = {}
        self._positions: dict[str, Position] = {}
        self._lots: dict[str, Lot] = {}
        self._dust: dict[str, Decimal] = {}

    @property
    def balances(self) -> Mapping[str, Decimal]:
        """Totals by currency."""
        return MappingProxyType(self._balances)

    @property
    def positions(self) -> Mapping[str, Position]:
        """Open positions by symbol."""
        return MappingProxyType(self._positions)

    @property
    def dust(self) -> Mapping[str, Decimal]:
        """Quantities too small to be sold, by base currency."""
        return MappingProxyType(self._dust)

    def total(self, currency: str) -> Decimal:
        """What is held of `currency`, free or not."""
        return self._balances.get(currency, ZERO)

    def quantity(self, symbol: str) -> Decimal:
        """Net position in base, 0 when flat."""
        position = self._positions.get(symbol)
        return position.quantity if position else ZERO

    # --- starting ---------------------------------------------------------------------------------------------

    def open_with(self, balances: Iterable[Balance]) -> LedgerChange:
        """First start: the account as the exchange tells it, no position of ours."""
        self._balances = {balance.currency: balance.total for balance in balances}
        self._positions, self._lots, self._dust = {}, {}, {}
        return self._change(self._balances)

    def restore(
        self,
        positions: Iterable[Position],
        balances: Iterable[Balance],
        dust: Mapping[str, Decimal] | None = None,
        fills: Iterable[Fill] = (),
        instruments: Mapping[str, Instrument] | None = None,
    ) -> None:
        """Go on from what the journal remembers; `fills` are those of `positions` since they were opened."""
        self._balances = {balance.currency: balance.total for balance in balances}
        self._positions = {position.symbol: position for position in positions if not position.is_flat}
        self._lots = lots_of(self._positions, list(fills), instruments or {})
        self._dust = dict(dust or {})

    # --- bookings ---------------------------------------------------------------------------------------------

    def apply(self, fill: Fill, instrument: Instrument, reason: CloseReason = CloseReason.EXIT) -> LedgerChange:
        """Book one fill of `instrument`. `reason` is kept in the trade it closes.

        A fill that turns a perpetual position around closes one trade and opens the next position. The profit that an
        exchange states for a fill is what its wallet got, whatever our own average would say.
        """
        with localcontext(EXACT):
            if instrument.kind is InstrumentKind.SPOT:
                return self._apply_spot(fill, instrument, reason)
            return self._apply_perpetual(fill, instrument, reason)

    def adjust(self, currency: str, amount: Decimal) -> LedgerChange:
        """Book a transfer (a deposit, a withdrawal): `amount` > 0 came in."""
        with localcontext(EXACT):
            self._add(currency, amount)
        return self._change((currency,))

    def pay(self, payment: Payment) -> LedgerChange:
        """Book money that moved without a fill; an open position it belongs to has earned or lost it."""
        with localcontext(EXACT):
            self._add(payment.currency, payment.amount)
            position = self._positions.get(payment.symbol)
            if position is not None:
                realised = position.realised_quote + payment.amount
                position = self._positions[payment.symbol] = msgspec.structs.replace(position, realised_quote=realised)
        return self._change((payment.currency,), position=position)

    def adopt(self, position: Position) -> LedgerChange:
        """Take a position over as the exchange states it (found at start, or after a liquidation)."""
        if position.is_flat:
            self._positions.pop(position.symbol, None)
            self._lots.pop(position.symbol, None)
        else:
            self._positions[position.symbol] = position
            self._lots[position.symbol] = lot_of(position)
        return LedgerChange(position=position)

    def write_off(self, symbol: str, instrument: Instrument, price: Decimal, ts_ms: int) -> LedgerChange | None:
        """Book a spot position too small to be sold at `price` to the dust; None when it is not too small."""
        position = self._positions.get(symbol)
        if position is None or not _is_dust(position.quantity, price, instrument):
            return None
        with localcontext(EXACT):
            position, lot = self._to_dust(position, self._lots[symbol], price, instrument)
            return LedgerChange((), *self._keep(position, lot, ts_ms, CloseReason.DUST))

    # --- inside -----------------------------------------------------------------------------------------------

    def _apply_spot(self, fill: Fill, instrument: Instrument, reason: CloseReason) -> LedgerChange:
        sign = fill.side.sign
        self._add(instrument.base, sign * fill.quantity)
        self._add(instrument.quote, -sign * fill.quantity * fill.price)
        self._add(fill.fee_currency, -fill.fee)
        fee_quote = fee_in_quote(fill, instrument)
        base_fee = fill.fee if fill.fee_currency == instrument.base else ZERO
        position, lot = self._opened(fill)
        if fill.side is Side.BUY:
            joining = self._dust.pop(instrument.base, ZERO) if position.is_flat else ZERO
            bought = max(ZERO, fill.quantity - base_fee) + joining
            if not bought and position.is_flat:  # the fee ate it all
                return self._change((instrument.base, instrument.quote), fee_quote=fee_quote)
            position, lot = _enter(position, lot, bought, fill.price, Side.BUY)
            position = _charged(position, fee_quote)
        elif position.is_flat:  # sold dust, or what was never a position of ours: only the balances move
            self._sell_dust(instrument.base, fill.quantity + base_fee)
            return self._change((instrument.base, instrument.quote, fill.fee_currency), fee_quote=fee_quote)
        else:
            sold = min(position.quantity, fill.quantity + base_fee)
            position, lot = _leave(_charged(position, fee_quote), lot, sold, fill.price)
            if not position.is_flat and _is_dust(position.quantity, fill.price, instrument):
                position, lot = self._to_dust(position, lot, fill.price, instrument)
        position, closed = self._keep(position, lot, fill.ts_ms, reason)
        touched = (instrument.base, instrument.quote, fill.fee_currency)
        return self._change(touched, position=position, closed=closed, fee_quote=fee_quote)

    def _apply_perpetual(self, fill: Fill, instrument: Instrument, reason: CloseReason) -> LedgerChange:
        fee_quote = fee_in_quote(fill, instrument)
        position, lot = self._opened(fill)
        closed: ClosedTrade | None = None
        left, fee_left = fill.quantity, fee_quote
        beyond = fill.realised or ZERO  # stated by an exchange whose position differs from ours, until we know why
        if position.quantity * fill.side.sign < 0:
            leaving = min(abs(position.quantity), fill.quantity)
            left = fill.quantity - leaving
            share = share_of(fee_quote, leaving, fill.quantity)
            fee_left = fee_quote - share
            profit, lot = _profit(position, lot, leaving, fill)
            sign = 1 if position.quantity > 0 else -1
            position = msgspec.structs.replace(
                position,
                quantity=sign * lot.held,
                entry_price=lot.entry_price,
                realised_quote=position.realised_quote + profit,
            )
            self._add(instrument.quote, profit)
            beyond = ZERO
            position, closed = self._keep(_charged(position, share), lot, fill.ts_ms, reason)
        if left:
            position, lot = self._opened(fill)
            position, lot = _enter(position, lot, left, fill.price, fill.side)
            position = msgspec.structs.replace(position, realised_quote=position.realised_quote + beyond)
            position, _ = self._keep(_charged(position, fee_left), lot, fill.ts_ms, reason)
        self._add(instrument.quote, beyond)
        self._add(fill.fee_currency, -fill.fee)
        touched = (instrument.quote, fill.fee_currency)
        return self._change(touched, position=position, closed=closed, fee_quote=fee_quote)

    def _opened(self, fill: Fill) -> tuple[Position, Lot]:
        """The position of the fill's symbol, flat if there is none, and its lot."""
        position = self._positions.get(fill.symbol)
        if position is None:
            return Position(fill.symbol, ZERO, ZERO, fill.ts_ms), Lot()
        return position, self._lots[fill.symbol]

    def _keep(
        self, position: Position, lot: Lot, ts_ms: int, reason: CloseReason
    ) -> tuple[Position, ClosedTrade | None]:
        """Remember `position`; one that became flat is forgotten and told as a closed trade."""
        if not position.is_flat:
            self._positions[position.symbol], self._lots[position.symbol] = position, lot
            return position, None
        before = self._positions.pop(position.symbol, position)
        self._lots.pop(position.symbol, None)
        closed = ClosedTrade(
            symbol=position.symbol,
            side=Side.BUY if before.quantity >= 0 else Side.SELL,
            opened_ms=position.opened_ms,
            closed_ms=ts_ms,
            quantity=lot.exited_base,
            entry_price=average(lot.entered_quote, lot.entered_base),
            exit_price=average(lot.exited_quote, lot.exited_base),
            profit_quote=position.realised_quote,
            fees_quote=position.fees_quote,
            reason=reason,
        )
        return position, closed

    def _to_dust(self, position: Position, lot: Lot, price: Decimal, instrument: Instrument) -> tuple[Position, Lot]:
        """Close the rest at `price` on paper: it stays in the balance and is remembered as dust."""
        self._dust[instrument.base] = self._dust.get(instrument.base, ZERO) + position.quantity
        return _leave(position, lot, position.quantity, price)

    def _sell_dust(self, currency: str, quantity: Decimal) -> None:
        """The last fills of an exit may sell what an earlier fill of it left behind as dust."""
        left = self._dust.pop(currency, ZERO) - quantity
        if left > 0:
            self._dust[currency] = left

    def _add(self, currency: str, amount: Decimal) -> None:
        if amount or currency in self._balances:
            self._balances[currency] = self._balances.get(currency, ZERO) + amount

    def _change(
        self,
        currencies: Iterable[str],
        *,
        position: Position | None = None,
        closed: ClosedTrade | None = None,
        fee_quote: Decimal = ZERO,
    ) -> LedgerChange:
        balances = tuple(
            Balance(currency, self._balances[currency])
            for currency in dict.fromkeys(currencies)
            if currency in self._balances
        )
        return LedgerChange(balances, position, closed, fee_quote)


def _enter(position: Position, lot: Lot, base: Decimal, price: Decimal, side: Side) -> tuple[Position, Lot]:
    """`base` more of `side` at `price`."""
    lot = lot.entered(base, base * price)
    quantity = side.sign * lot.held
    return msgspec.structs.replace(position, quantity=quantity, entry_price=lot.entry_price), lot


def _leave(position: Position, lot: Lot, base: Decimal, price: Decimal) -> tuple[Position, Lot]:
    """`base` less at `price`; the profit against average cost is realised."""
    sign = 1 if position.quantity > 0 else -1
    proceeds = base * price
    lot, cost = lot.exited(base, proceeds)
    left = msgspec.structs.replace(
        position,
        quantity=sign * lot.held,
        entry_price=lot.entry_price,
        realised_quote=position.realised_quote + sign * (proceeds - cost),
    )
    return left, lot


def _profit(position: Position, lot: Lot, base: Decimal, fill: Fill) -> tuple[Decimal, Lot]:
    """(what taking `base` off a margined position by `fill` realises, the lot that is left)."""
    proceeds = base * fill.price
    lot, cost = lot.exited(base, proceeds, CENT)
    own = (proceeds - cost) if position.quantity > 0 else (cost - proceeds)
    return own.quantize(CENT) if fill.realised is None else fill.realised, lot


def _charged(position: Position, fee_quote: Decimal) -> Position:
    """`position` after paying a fee."""
    return msgspec.structs.replace(
        position,
        realised_quote=position.realised_quote - fee_quote,
        fees_quote=position.fees_quote + fee_quote,
    )


def _is_dust(quantity: Decimal, price: Decimal, instrument: Instrument) -> bool:
    """Whether the exchange would not take an order for `quantity` of a spot position at `price`."""
    if instrument.kind is not InstrumentKind.SPOT:
        return False
    tradable = instrument.round_quantity(quantity)
    return tradable == 0 or tradable < instrument.min_quantity or tradable * price < instrument.min_notional
