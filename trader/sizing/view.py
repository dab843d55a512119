"""What sizing must know of the account, the market and what was learnt so far."""

import msgspec

from trader.domain.commitments import Room
from trader.domain.signals import Regime
from trader.domain.sizing import Beside
from trader.sizing.evidence import Own


class SizingView(msgspec.Struct, frozen=True):
    """What sizing must know. Amounts in quote, from the ledger, unknown orders counted at their worst.

    `price`: the worst the entry may pay, > 0. `stop_frac`: |price - stop| / price, > 0. `rooms`: what every cap leaves.
    """

    equity: float
    exposure_quote: float  # sum of |position value|, entries under way included
    rooms: tuple[Room, ...]
    positions: int  # how many there are with this one
    price: float
    stop_frac: float
    atr_frac: float  # ATR / price
    shrink: float = 1.0  # share of the usual size, 0..1, whatever cap decided it
    held: float = 0.0  # base quantity of this position so far; `rooms` leave it out
    parts: int = 1  # what is left of the whole is bought in so many, this one included
    expected: int = 1  # positions at once that share the bet, >= 1
    correlation: float = 0.0  # mean, of this one with them, 0..1
    beside: Beside | None = None  # the rest of the portfolio; None: nobody asks
    regime: Regime = Regime.RANGE_BOUND  # whose record of wins and losses counts
    own: Own = Own()  # the strategy's closed trades with this model
    is_real_money: bool = False  # then a model must prove itself first
