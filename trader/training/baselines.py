"""What a model has to beat: doing nothing, yesterday's move, its reverse, and one straight line."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from trader.domain.candle_arrays import Floats
from trader.training.dataset import Dataset
from trader.training.ensemble import OutOfFold
from trader.training.evaluate import Candidate, Rules, judged

LINE_PENALTY = 1_000.0


def baselines(table: Dataset, found: OutOfFold, rules: Rules) -> dict[str, Candidate]:
    """Each judged on the rows the ensemble was tested on, with the same folds, costs and rules."""
    part = table.take(found.rows)
    makers: dict[str, Callable[[], Floats]] = {
        "zero": lambda: np.zeros(len(part.y)),
        "momentum": lambda: part.past,
        "reversal": lambda: -part.past,
        "linear": lambda: straight_line(table, found) * part.scale,
    }
    return {name: judged(part, make(), found.fold, rules) for name, make in makers.items()}


def straight_line(table: Dataset, found: OutOfFold) -> Floats:
    """(n_tested,) ridge regression on standardised inputs, fitted for each fold on labels that had ended before it."""
    result = np.zeros(len(found.rows))
    start, end = table.start_ms, table.end_ms
    for k in range(int(found.fold.max()) + 1):
        here: NDArray[np.int64] = found.rows[found.fold == k]
        before = np.flatnonzero(end <= start[here].min() - table.label_ms)
        line = make_pipeline(StandardScaler(), Ridge(alpha=LINE_PENALTY))
        line.fit(table.X[before], table.y[before], ridge__sample_weight=table.weight[before])
        result[found.fold == k] = np.clip(line.predict(table.X[here]), -6, 6)
    return result
