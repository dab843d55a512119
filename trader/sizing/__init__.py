"""How much: a rule, then every cap.

limits  from a wish to a quantity: what may be risked, and every cap in order
rules   how much of equity a position may risk before any cap: what `sizing.rule` chooses from
kelly   the Kelly bet, taken in part and clamped

Begin with `limits`.
"""

from trader.sizing.kelly import kelly_fraction, shrunk_probability
from trader.sizing.limits import Sized, SizingView, Unsized, size_position

__all__ = ["Sized", "SizingView", "Unsized", "kelly_fraction", "shrunk_probability", "size_position"]
