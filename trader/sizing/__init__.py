"""How much: a rule, then every cap.

limits    from a wish to a quantity: what may be risked, and every cap in order
rules     how much of equity a position may risk before any cap: what `sizing.rule` chooses from
kelly     the Kelly bet, taken in part and clamped
evidence  what a model's record and its own trades say of a bet
view      what sizing must know

Begin with `limits`.
"""

from trader.sizing.kelly import kelly_fraction, shrunk_probability
from trader.sizing.limits import Sized, Unsized, size_position
from trader.sizing.view import SizingView

__all__ = ["Sized", "SizingView", "Unsized", "kelly_fraction", "shrunk_probability", "size_position"]
