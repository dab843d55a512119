"""How much: fractional Kelly and every cap."""

from trader.sizing.kelly import kelly_fraction, shrunk_probability
from trader.sizing.limits import Sized, SizingView, Unsized, size_position

__all__ = ["Sized", "SizingView", "Unsized", "kelly_fraction", "shrunk_probability", "size_position"]
