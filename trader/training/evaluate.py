"""What the out-of-fold predictions would have earned, and what the live process must know of the model."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.signals import ModelInfo
from trader.models.gate import GateResult, GateRules, Trades, days_of, judge
from trader.models.statistics import Slope, clustered_slope, shrunk_slope, time_blocks
from trader.training.dataset import Dataset
from trader.training.ensemble import OutOfFold, Scores

LEAK_IC, LEAK_R2, LEAK_AUC = 0.15, 0.02, 0.58
SMALLEST_FRAC = 1e-6


class Evaluation(NamedTuple):
    """Out of fold, in returns. `slope` of the realised log return on the predicted one."""

    slope: Slope
    gate: GateResult
    trades: Trades
    base_rate: float
    average_win_frac: float
    average_loss_frac: float
    leaks: tuple[str, ...]


def evaluate(
    table: Dataset, found: OutOfFold, scores: Scores, *, minimum_edge: float, two_sided: bool, rules: GateRules
) -> Evaluation:
    """`table` is what the ensemble was fitted on; minimum_edge as a fraction (a trade also needs its cost)."""
    part = table.take(found.rows)
    expected = found.prediction * part.scale
    block = time_blocks(part.start_ms, float(np.median(part.end_ms - part.start_ms)))
    slope = clustered_slope(expected, part.forward, block)
    trades = simulated_trades(part, expected, found.fold, block, minimum_edge, two_sided)
    first, last = days_of(part.start_ms).min(), days_of(part.end_ms).max()
    net = np.where(expected >= 0, part.long_net, part.short_net) if two_sided else part.long_net
    wins = net > 0
    return Evaluation(
        slope=slope,
        gate=judge(trades, int(last - first) + 1, slope.t, rules),
        trades=trades,
        base_rate=float(wins.mean()),
        average_win_frac=max(SMALLEST_FRAC, float(net[wins].mean()) if wins.any() else 0.0),
        average_loss_frac=max(SMALLEST_FRAC, float(-net[~wins].mean()) if (~wins).any() else 0.0),
        leaks=leak_alarms(scores),
    )


def simulated_trades(
    part: Dataset,
    expected: Floats,
    fold: NDArray[np.int64],
    block: NDArray[np.int64],
    minimum_edge: float,
    two_sided: bool,
) -> Trades:
    """One trade at a time per symbol, entered when the calibrated edge of earlier folds covers the bar.

    expected (n,): predicted log return. The edge is expected x the shrunk slope measured on earlier folds; the
    first fold has none and does not trade.
    """
    edge = np.zeros(len(expected))
    for k in range(1, int(fold.max()) + 1):
        before, here = fold < k, fold == k
        known = clustered_slope(expected[before], part.forward[before], block[before])
        edge[here] = expected[here] * shrunk_slope(known.slope, known.t)
    bar = np.maximum(minimum_edge, part.cost)
    wanted = np.where(edge >= bar, 1, np.where((edge <= -bar) & two_sided, -1, 0))
    rows = _one_at_a_time(part, np.flatnonzero(wanted))
    net = np.where(wanted[rows] > 0, part.long_net[rows], part.short_net[rows])
    return Trades(days_of(part.end_ms[rows]), net, part.regime[rows])


def _one_at_a_time(part: Dataset, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of the candidate rows, those whose symbol holds nothing when they come."""
    free_from: dict[int, int] = {}
    taken = []
    for row in candidates[np.argsort(part.start_ms[candidates], kind="stable")].tolist():
        symbol, start = int(part.symbol[row]), int(part.start_ms[row])
        if start >= free_from.get(symbol, start):
            taken.append(row)
            free_from[symbol] = int(part.end_ms[row])
    return np.array(taken, np.int64)


def leak_alarms(scores: Scores) -> tuple[str, ...]:
    """What is too good to be true on a real market (SPEC 3)."""
    checks = (("ic", scores.ic, LEAK_IC), ("r2", scores.r2, LEAK_R2), ("auc", scores.auc, LEAK_AUC))
    return tuple(f"leak_alarm {name} {value:.3f}>{limit}" for name, value, limit in checks if value > limit)


def model_info(
    evaluation: Evaluation, scores: Scores, *, model_id: str, timeframe: str, horizon_candles: int
) -> ModelInfo:
    """The live view; the verdict is `trade` only if the gate passes, the calibrator has skill and nothing leaks."""
    no_edge = scores.calibration.no_edge
    reasons = evaluation.gate.reasons + (("no_edge",) if no_edge else ()) + evaluation.leaks
    return ModelInfo(
        model_id=model_id,
        timeframe=timeframe,
        horizon_candles=horizon_candles,
        slope=shrunk_slope(evaluation.slope.slope, evaluation.slope.t),
        slope_t=evaluation.slope.t,
        base_rate=evaluation.base_rate,
        average_win_frac=evaluation.average_win_frac,
        average_loss_frac=evaluation.average_loss_frac,
        no_edge=no_edge,
        verdict="observe" if reasons else "trade",
        reasons=reasons,
    )
