"""The cost of one open position, exact: what was paid in, what came out, what is left."""

from decimal import Context, Decimal

import msgspec

from trader.domain.account import Position
from trader.domain.instrument import EXACT, ZERO

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
    """The lot of a position read back; exits before the restart are no longer in it."""
    held = abs(position.quantity)
    cost = EXACT.multiply(held, position.entry_price)
    whole = EXACT.quantize(cost, CENT)
    return Lot().entered(held, whole if abs(cost - whole) < _READ_BACK else cost)


def average(quote: Decimal, base: Decimal) -> Decimal:
    """Quote per base to 28 digits; 0 for nothing."""
    return _AVERAGE.divide(quote, base) if base else ZERO
