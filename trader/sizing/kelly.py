"""The Kelly bet (Kelly 1956), taken in part and clamped."""

import math

# An edge smaller than this share of win + loss is floating-point noise around break-even, not an edge.
_NOISE = 1e-12


def kelly_fraction(
    win_prob: float,
    avg_win: float,
    avg_loss: float,
    *,
    fraction: float = 0.5,
    floor: float = 0.01,
    cap: float = 0.10,
) -> float:
    """The share of equity to put at risk: `fraction` x (p b - q) / b with b = avg_win / avg_loss, clamped.

    `win_prob` in 0..1; `avg_win`, `avg_loss` positive fractions of the stake; 0 <= `floor` <= `cap` <= 1;
    `fraction` in 0..1 (0 bets nothing). Without a positive edge the answer is 0: the floor is not a consolation.
    Raises ValueError for values out of range.
    """
    _require(0 <= win_prob <= 1, "win_prob", win_prob, "0..1")
    _require(avg_win > 0 and math.isfinite(avg_win), "avg_win", avg_win, "a fraction above 0")
    _require(avg_loss > 0 and math.isfinite(avg_loss), "avg_loss", avg_loss, "a fraction above 0")
    _require(0 <= fraction <= 1, "fraction", fraction, "0..1")
    _require(0 <= cap <= 1, "cap", cap, "0..1")
    _require(0 <= floor <= cap, "floor", floor, f"0..cap ({cap})")
    edge = win_prob * avg_win - (1 - win_prob) * avg_loss
    if fraction == 0 or edge <= _NOISE * (avg_win + avg_loss):
        return 0.0
    full = edge / avg_win  # (p b - q) / b with both sides multiplied by the average loss
    return min(cap, max(floor, fraction * full))


def shrunk_probability(p: float, base_rate: float, shrink: float) -> float:
    """`p` pulled towards `base_rate` by the share `shrink` (0 = as it is, 1 = the base rate); all in 0..1."""
    _require(0 <= p <= 1, "p", p, "0..1")
    _require(0 <= base_rate <= 1, "base_rate", base_rate, "0..1")
    _require(0 <= shrink <= 1, "shrink", shrink, "0..1")
    return min(1.0, max(0.0, p + shrink * (base_rate - p)))


def _require(holds: bool, name: str, given: float, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name} {given} is out of range; allowed: {allowed}")
