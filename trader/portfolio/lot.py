"""The cost of one open position, exact: what was paid in, what came out, what is left."""

from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext

import msgspec

from trader.domain.account import Position
from trader.domain.instrument import EXACT, ZERO, Instrument, InstrumentKind
from trader.domain.orders import Fill

# Averages are for reading and for a restart; sums stay exact because only the removed part of a cost is rounded.
_AVERAGE = Context(prec=28)
_SHARE_QUANTUM = Decimal("1e-18")  # to which a part of a cost is rounded: the unit of the finest coins
CENT = Decimal("1e-8")  # the smallest amount an exchange books on a margined account
_READ_BACK = Decimal("1e-16")  # an average read back is this near to the cost it came from


class Lot(msgspec.Struct, frozen=True):
    """Sums since the position was opened from flat; all >= 0, whatever the side. `cost` is for what is still held."""

    held: Decimal = ZERO
    cost: Decimal = ZERO
    entered_base: Decimal = ZERO
    entered_quote: Decimal = ZERO
    exited_base: Decimal = ZERO
    exited_quote: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """Average cost of what is held; of what was entered once nothing is."""
        return average(self.cost, self.held) if self.held else average(self.entered_quote, self.entered_base)

    def entered(self, base: Decimal, quote: Decimal) -> "Lot":
        """The lot after `base` more came in for `quote`."""
        return msgspec.structs.replace(
            self,
            held=self.held + base,
            cost=self.cost + quote,
            entered_base=self.entered_base + base,
            entered_quote=self.entered_quote + quote,
        )

    def exited(self, base: Decimal, quote: Decimal, quantum: Decimal = _SHARE_QUANTUM) -> tuple["Lot", Decimal]:
        """(the lot without `base`, the cost that went with it); the last exit takes the whole rest of the cost."""
        cost = share_of(self.cost, base, self.held, quantum)
        lot = msgspec.structs.replace(
            self,
            held=self.held - base,
            cost=self.cost - cost,
            exited_base=self.exited_base + base,
            exited_quote=self.exited_quote + quote,
        )
        return lot, cost


def share_of(amount: Decimal, part: Decimal, whole: Decimal, quantum: Decimal = _SHARE_QUANTUM) -> Decimal:
    """`amount` x `part` / `whole` on `quantum`: short enough that taking it from `amount` loses nothing."""
    return amount if part == whole else (amount * part / whole).quantize(quantum)


def lot_of(position: Position) -> Lot:
    """The lot of a position read back; what was sold of it before is not in it, see `lots_of`."""
    held = abs(position.quantity)
    cost = EXACT.multiply(held, position.entry_price)
    whole = EXACT.quantize(cost, CENT)
    return Lot().entered(held, whole if abs(cost - whole) < _READ_BACK else cost)


def lots_of(
    positions: Mapping[str, Position], fills: Sequence[Fill], instruments: Mapping[str, Instrument]
) -> dict[str, Lot]:
    """The lots of `positions` (by symbol) read back, with what their `fills` say of those with an instrument."""
    lots = {symbol: lot_of(position) for symbol, position in positions.items()}
    for symbol in lots.keys() & instruments.keys():
        own = [fill for fill in fills if fill.symbol == symbol]
        lots[symbol] = _with_history(lots[symbol], positions[symbol], own, instruments[symbol])
    return lots


def _with_history(lot: Lot, position: Position, fills: Sequence[Fill], instrument: Instrument) -> Lot:
    """`lot`, the rest of `position`, with all that came in and went out since it was opened, as its `fills` say.

    What of it came in without a fill came with the first one: dust that joined it, less what that fill closed before.
    """
    entries, exits = list[tuple[Decimal, Decimal]](), list[tuple[Decimal, Decimal]]()  # (base, price)
    with localcontext(EXACT):
        for fill in fills:
            fee = fill.fee if instrument.kind is InstrumentKind.SPOT and fill.fee_currency == instrument.base else ZERO
            if fill.side.sign * position.quantity > 0:
                entries.append((max(ZERO, fill.quantity - fee), fill.price))
            elif fill.ts_ms > position.opened_ms:  # one of that very moment closed the position before
                exits.append((fill.quantity + fee, fill.price))
        exited = sum((base for base, _ in exits), ZERO)
        entered = lot.held + exited
        first_price = entries[0][1] if entries else position.entry_price
        joined = entered - sum((base for base, _ in entries), ZERO)
        return msgspec.structs.replace(
            lot,
            entered_base=entered,
            entered_quote=sum((base * price for base, price in entries), joined * first_price),
            exited_base=exited,
            exited_quote=sum((base * price for base, price in exits), ZERO),
        )


def average(quote: Decimal, base: Decimal) -> Decimal:
    """Quote per base to 28 digits; 0 for nothing."""
    return _AVERAGE.divide(quote, base) if base else ZERO
