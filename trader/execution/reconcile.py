"""What the exchange says against what we believe: every difference named, with a plain sentence."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from enum import StrEnum

import msgspec

from trader.domain.account import Balance, Position
from trader.domain.instrument import ZERO, Instrument, InstrumentKind
from trader.domain.orders import Order, OrderStatus


class DiscrepancyKind(StrEnum):
    """What differs."""

    TRANSFER = "transfer"  # a balance, without a trade that explains it
    MANUAL_TRADE = "manual_trade"  # two balances, as one trade at the market price would change them
    POSITION = "position"
    MISSING_ORDER = "missing_order"  # open here only
    FOREIGN_ORDER = "foreign_order"  # open there only


DiscrepancyKey = tuple[DiscrepancyKind, str, Decimal]  # (kind, subject, difference): the same one, seen again

_CONFIRMED_OPEN = (OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED)

# A base and a quote difference of opposite sign are a trade when their ratio is this close to the market price.
_PRICE_TOLERANCE = 0.1


class Discrepancy(msgspec.Struct, frozen=True):
    """One difference. `subject` is a currency, a symbol or a client id; `ours` and `theirs` as a person reads them."""

    kind: DiscrepancyKind
    subject: str
    ours: str
    theirs: str
    text: str
    difference: Decimal = ZERO  # theirs - ours, for balances and positions

    @property
    def key(self) -> DiscrepancyKey:
        return self.kind, self.subject, self.difference


def compare(
    *,
    balances: Mapping[str, Decimal],
    positions: Mapping[str, Position],
    orders: Iterable[Order],
    reported_balances: Iterable[Balance],
    reported_positions: Iterable[Position],
    open_client_ids: Collection[str],
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, float] | None = None,
) -> list[Discrepancy]:
    """Every difference between our books and the exchange's, in a fixed order.

    `balances` are the ledger's totals (currency -> amount), `positions` its positions by symbol, `orders` those we
    believe open; the reported ones are complete. `prices` (symbol -> quote per base) let a balance difference be
    recognised as a trade made by hand. An empty list means: they agree to the last digit.
    """
    return [
        *_balance_differences(balances, reported_balances, instruments, prices or {}),
        *_position_differences(positions, reported_positions, instruments),
        *_order_differences(list(orders), open_client_ids),
    ]


def _balance_differences(
    balances: Mapping[str, Decimal],
    reported: Iterable[Balance],
    instruments: Mapping[str, Instrument],
    prices: Mapping[str, float],
) -> list[Discrepancy]:
    theirs = {balance.currency: balance.total for balance in reported}
    deltas = {
        currency: theirs.get(currency, ZERO) - balances.get(currency, ZERO)
        for currency in sorted({*balances, *theirs})
        if theirs.get(currency, ZERO) != balances.get(currency, ZERO)
    }
    traded = _hand_traded(deltas, instruments, prices)
    found = []
    for currency, delta in deltas.items():
        ours, told = balances.get(currency, ZERO), theirs.get(currency, ZERO)
        if currency in traded:
            kind = DiscrepancyKind.MANUAL_TRADE
            text = f"{currency}: {_signed(delta)} by a trade in {traded[currency]} that is not in our fills"
        else:
            kind = DiscrepancyKind.TRANSFER
            verb = "came in" if delta > 0 else "went out"
            text = f"{currency}: {abs(delta)} {verb} without a fill; we held {ours}, the exchange says {told}"
        found.append(Discrepancy(kind, currency, str(ours), str(told), text, delta))
    return found


def _hand_traded(
    deltas: Mapping[str, Decimal], instruments: Mapping[str, Instrument], prices: Mapping[str, float]
) -> dict[str, str]:
    """Currency -> symbol for each base and quote whose differences look like one trade at the market price."""
    traded: dict[str, str] = {}
    for symbol, instrument in sorted(instruments.items()):
        base, quote = deltas.get(instrument.base, ZERO), deltas.get(instrument.quote, ZERO)
        price = prices.get(symbol)
        if instrument.kind is not InstrumentKind.SPOT or price is None or base * quote >= 0:
            continue
        if abs(float(-quote / base) / price - 1) <= _PRICE_TOLERANCE:
            traded[instrument.base] = traded[instrument.quote] = symbol
    return traded


def _position_differences(
    positions: Mapping[str, Position], reported: Iterable[Position], instruments: Mapping[str, Instrument]
) -> list[Discrepancy]:
    """Perpetuals only: a spot position is part of the balances."""
    theirs = {position.symbol: position.quantity for position in reported}
    perpetuals = {
        symbol
        for symbol in {*positions, *theirs}
        if symbol in instruments and instruments[symbol].kind is InstrumentKind.PERPETUAL
    }
    found = []
    for symbol in sorted(perpetuals):
        ours = positions[symbol].quantity if symbol in positions else ZERO
        told = theirs.get(symbol, ZERO)
        if ours != told:
            text = f"{symbol}: we hold {_signed(ours)}, the exchange says {_signed(told)}"
            found.append(Discrepancy(DiscrepancyKind.POSITION, symbol, str(ours), str(told), text, told - ours))
    return found


def _order_differences(orders: list[Order], open_client_ids: Collection[str]) -> list[Discrepancy]:
    ours = {order.client_id: order for order in orders}
    found = [
        Discrepancy(
            DiscrepancyKind.MISSING_ORDER,
            order.client_id,
            order.status.value,
            "not open",
            f"{order.symbol}: order {order.client_id} is {order.status.value} here, the exchange does not list it",
        )
        for order in orders
        if order.status in _CONFIRMED_OPEN and order.client_id not in open_client_ids
    ]
    found.extend(
        Discrepancy(
            DiscrepancyKind.FOREIGN_ORDER,
            client_id,
            "none",
            "open",
            f"the exchange lists order {client_id} as open, we know of none that is",
        )
        for client_id in sorted(open_client_ids)
        if client_id not in ours
    )
    return found


def _signed(amount: Decimal) -> str:
    return f"{amount:+}"
