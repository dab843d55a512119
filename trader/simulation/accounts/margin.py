"""What positions must be backed with: brackets, as Binance publishes them, and the sums over an account."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from trader.domain.instrument import ZERO
from trader.simulation.records.positions import SimPosition


class Bracket(msgspec.Struct, frozen=True):
    """Positions worth `floor` to `cap` (quote): their largest leverage and maintenance rate.

    Maintenance margin = value x `rate` - `deduction`; the deduction makes it continuous from bracket to bracket.
    """

    floor: Decimal
    cap: Decimal
    leverage: int
    rate: Decimal
    deduction: Decimal


def brackets(*steps: tuple[int, int, str]) -> tuple[Bracket, ...]:
    """From (cap, leverage, rate) in rising order."""
    found: list[Bracket] = []
    floor, deduction, before = ZERO, ZERO, ZERO
    for cap, leverage, rate in steps:
        deduction += floor * (Decimal(rate) - before)
        found.append(Bracket(floor, Decimal(cap), leverage, Decimal(rate), deduction))
        floor, before = Decimal(cap), Decimal(rate)
    return tuple(found)


_MAJOR = brackets(
    (300_000, 125, "0.004"),
    (800_000, 100, "0.005"),
    (3_000_000, 75, "0.0065"),
    (12_000_000, 50, "0.01"),
    (70_000_000, 25, "0.02"),
    (230_000_000, 10, "0.05"),
    (500_000_000, 5, "0.1"),
    (1_000_000_000, 2, "0.25"),
    (2_000_000_000, 1, "0.5"),
)
_MINOR = brackets(
    (10_000, 75, "0.0065"),
    (60_000, 50, "0.01"),
    (400_000, 25, "0.02"),
    (1_000_000, 10, "0.05"),
    (2_000_000, 5, "0.1"),
    (6_000_000, 2, "0.25"),
    (10_000_000, 1, "0.5"),
)
_MAJORS = frozenset({"BTC", "ETH"})


def brackets_of(base: str) -> tuple[Bracket, ...]:
    """The brackets of a perpetual on `base`: those of the two largest, or of all others."""
    return _MAJOR if base in _MAJORS else _MINOR


def maintenance(steps: Sequence[Bracket], value: Decimal) -> Decimal:
    """Margin below which a position worth `value` (>= 0) is liquidated; beyond the last cap its rate goes on."""
    bracket = bracket_at(steps, value)
    return value * bracket.rate - bracket.deduction


def bracket_at(steps: Sequence[Bracket], value: Decimal) -> Bracket:
    """The bracket of a position worth `value` (>= 0), quote."""
    return next((bracket for bracket in steps if value <= bracket.cap), steps[-1])


def largest_position(steps: Sequence[Bracket], leverage: int) -> Decimal:
    """Most a position may be worth at `leverage`."""
    return max((bracket.cap for bracket in steps if bracket.leverage >= leverage), default=ZERO)


class SymbolMargin(msgspec.Struct, frozen=True):
    """What one symbol ties up, quote. `order_initial` is what its open orders need beyond the position."""

    position: SimPosition
    mark: Decimal
    unrealised: Decimal
    maintenance: Decimal
    position_initial: Decimal
    order_initial: Decimal

    @property
    def initial(self) -> Decimal:
        """What position and open orders tie up."""
        return self.position_initial + self.order_initial


class AccountMargin(msgspec.Struct, frozen=True):
    """The same for all symbols settled in one asset."""

    asset: str
    wallet: Decimal
    symbols: tuple[SymbolMargin, ...]

    @property
    def unrealised(self) -> Decimal:
        """Profit of all positions at the mark price."""
        return sum((each.unrealised for each in self.symbols), ZERO)

    @property
    def balance(self) -> Decimal:
        """The margin balance: what the wallet would hold if everything were closed at the mark price."""
        return self.wallet + self.unrealised

    @property
    def maintenance(self) -> Decimal:
        """Below this balance the account is liquidated."""
        return sum((each.maintenance for each in self.symbols), ZERO)

    @property
    def position_initial(self) -> Decimal:
        """What the positions tie up."""
        return sum((each.position_initial for each in self.symbols), ZERO)

    @property
    def order_initial(self) -> Decimal:
        """What open orders need beyond them."""
        return sum((each.order_initial for each in self.symbols), ZERO)

    @property
    def initial(self) -> Decimal:
        """What positions and open orders tie up."""
        return self.position_initial + self.order_initial

    @property
    def available(self) -> Decimal:
        """What new positions may be opened with; never below 0."""
        return max(ZERO, self.balance - self.initial)

    @property
    def is_short(self) -> bool:
        """Whether positions must be liquidated."""
        return self.balance < self.maintenance


def liquidation_price(account: AccountMargin, symbol: SymbolMargin, steps: Sequence[Bracket]) -> Decimal:
    """Mark price of `symbol` at which the account falls below its maintenance margin, all else unchanged.

    Solves wallet + other profit + quantity x price - cost = |quantity| x price x rate - deduction + other maintenance
    with the bracket of the present value; 0 where no positive price does that.
    """
    position = symbol.position
    if not position.quantity:
        return ZERO
    bracket = bracket_at(steps, abs(position.quantity) * symbol.mark)
    others = account.wallet + account.unrealised - symbol.unrealised
    needed = account.maintenance - symbol.maintenance - bracket.deduction
    slope = position.quantity - abs(position.quantity) * bracket.rate
    return max(ZERO, (position.cost + needed - others) / slope)
