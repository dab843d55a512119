"""What the out-of-fold predictions would have earned, and what the live process must know of the model."""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from trader.domain.candle_arrays import Floats
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import ModelInfo, ModelVerdict, Outcomes, Regime
from trader.models.gate import GateResult, GateRules, Trades, days_of, judge
from trader.models.statistics import Slope, clustered_slope, rank_correlation, shrunk_slope, time_blocks
from trader.training.dataset import REGIMES, Dataset
from trader.training.ensemble import OutOfFold, Scores

Signs = NDArray[np.int64]

LEAK_IC, LEAK_R2, LEAK_AUC = 0.15, 0.02, 0.58
SMALLEST_FRAC = 1e-6
TOP_SHARE = 0.05
SHOCK = 0.99  # quantile of the volatility that the portfolio overlay takes for a shock


class Rules(msgspec.Struct, frozen=True):
    """How predictions become trades. `minimum_edge_frac`: a trade also needs at least its cost."""

    minimum_edge_frac: float = 0.002
    two_sided: bool = False
    gate: GateRules = GateRules()


class Path(NamedTuple):
    """Trades of one rule, one at a time per symbol, and the rows of `Dataset` they came from."""

    rows: NDArray[np.int64]
    sign: Signs  # +1 long, -1 short
    trades: Trades
    gross: Floats  # return of each trade before costs


class Candidate(NamedTuple):
    """One way to predict, judged by the same rules as every other."""

    ic: float
    slope: Slope
    by_edge: Path  # traded when the calibrated edge of earlier folds covers the bar
    by_rank: Path  # traded in the strongest TOP_SHARE of predictions, whatever they promise
    gate: GateResult  # of by_edge


class Evaluation(NamedTuple):
    """Out of fold. `part` holds the tested rows in time order, `expected` the predicted log return of each."""

    part: Dataset
    expected: Floats
    model: Candidate
    pooled: Outcomes
    by_regime: dict[Regime, Outcomes]
    shocked_vol: dict[str, float]  # by symbol
    leaks: tuple[Reason, ...]

    @property
    def slope(self) -> Slope:
        """How the outcome rises with the prediction."""
        return self.model.slope

    @property
    def gate(self) -> GateResult:
        """Whether the model may trade real money."""
        return self.model.gate

    @property
    def trades(self) -> Trades:
        """The trades that its edge would have made out of sample."""
        return self.model.by_edge.trades


def evaluate(table: Dataset, found: OutOfFold, scores: Scores, rules: Rules) -> Evaluation:
    """`table` is what the ensemble was fitted on, `found` and `scores` what the fit left behind."""
    part = table.take(found.rows)
    expected = found.prediction * part.scale
    net = np.where(expected >= 0, part.long_net, part.short_net) if rules.two_sided else part.long_net
    pooled = outcomes(net, part.weight)
    return Evaluation(
        part=part,
        expected=expected,
        model=judged(part, expected, found.fold, rules),
        pooled=pooled,
        by_regime={
            REGIMES[number]: outcomes(net[part.regime == number], part.weight[part.regime == number])
            for number in np.unique(part.regime).tolist()
        },
        shocked_vol=_shocked_vol(table),
        leaks=leak_alarms(scores),
    )


def outcomes(net: Floats, weight: Floats) -> Outcomes:
    """How barrier outcomes `net` (n,) went, n >= 1; `weight` (n,): what each says by itself, as labels overlap."""
    wins = net > 0
    won, lost = net[wins], -net[~wins]
    return Outcomes(
        count=float(weight.sum()),
        win_share=float(wins.mean()),
        win_frac=max(SMALLEST_FRAC, float(won.mean()) if len(won) else 0.0),
        loss_frac=max(SMALLEST_FRAC, float(lost.mean()) if len(lost) else 0.0),
        win_sd=float(won.std()) if len(won) else 0.0,
        loss_sd=float(lost.std()) if len(lost) else 0.0,
    )


def _shocked_vol(table: Dataset) -> dict[str, float]:
    """By symbol the 99 % quantile of its volatility, over all rows."""
    found = ((name, table.annual_vol[table.symbol == number]) for number, name in enumerate(table.symbols))
    return {name: float(np.quantile(vol, SHOCK)) for name, vol in found if len(vol)}


def judged(part: Dataset, expected: Floats, fold: NDArray[np.int64], rules: Rules) -> Candidate:
    """`expected` (n,): predicted log return of each row of `part`, made without seeing it; fold (n,) in time order."""
    block = blocks_of(part)
    slope = clustered_slope(expected, part.forward, block)
    by_edge = path(part, _wanted_by_edge(part, expected, fold, block, rules))
    by_rank = path(part, _wanted_by_rank(expected, fold, rules))
    days = int(days_of(part.end_ms).max() - days_of(part.start_ms).min()) + 1
    return Candidate(
        ic=rank_correlation(expected / part.scale, part.y),
        slope=slope,
        by_edge=by_edge,
        by_rank=by_rank,
        gate=judge(by_edge.trades, days, slope.t, rules.gate),
    )


def blocks_of(part: Dataset) -> NDArray[np.int64]:
    """Independent blocks of time, see `statistics.time_blocks`."""
    return time_blocks(part.start_ms, part.label_ms)


def path(part: Dataset, wanted: Signs) -> Path:
    """Trades taken where `wanted` (n,) is not 0, when the symbol holds nothing."""
    free_from: dict[int, int] = {}
    taken = []
    candidates = np.flatnonzero(wanted)
    for row in candidates[np.argsort(part.start_ms[candidates], kind="stable")].tolist():
        symbol, start = int(part.symbol[row]), int(part.start_ms[row])
        if start >= free_from.get(symbol, start):
            taken.append(row)
            free_from[symbol] = int(part.end_ms[row])
    rows = np.array(taken, np.int64)
    net = np.where(wanted[rows] > 0, part.long_net[rows], part.short_net[rows])
    trades = Trades(days_of(part.end_ms[rows]), net, part.regime[rows])
    return Path(rows, wanted[rows], trades, net + part.cost[rows])


def _wanted_by_edge(
    part: Dataset, expected: Floats, fold: NDArray[np.int64], block: NDArray[np.int64], rules: Rules
) -> Signs:
    """The live rule: prediction x the shrunk slope of earlier folds covers the bar. The first fold has no slope."""
    edge = np.zeros(len(expected))
    for k in range(1, int(fold.max()) + 1):
        before, here = fold < k, fold == k
        known = clustered_slope(expected[before], part.forward[before], block[before])
        edge[here] = expected[here] * shrunk_slope(known.slope, known.t)
    bar = np.maximum(rules.minimum_edge_frac, part.cost)
    return _signs(edge >= bar, edge <= -bar, rules)


def _wanted_by_rank(expected: Floats, fold: NDArray[np.int64], rules: Rules) -> Signs:
    """The strongest predictions, by the quantiles of earlier folds."""
    up, down = np.zeros(len(expected), np.bool_), np.zeros(len(expected), np.bool_)
    for k in range(1, int(fold.max()) + 1):
        before, here = expected[fold < k], fold == k
        if np.ptp(before) > 0:
            up[here] = expected[here] > np.quantile(before, 1 - TOP_SHARE)
            down[here] = expected[here] < np.quantile(before, TOP_SHARE)
    return _signs(up, down, rules)


def _signs(up: NDArray[np.bool_], down: NDArray[np.bool_], rules: Rules) -> Signs:
    return np.where(up, 1, np.where(down & rules.two_sided, -1, 0)).astype(np.int64)


def leak_alarms(scores: Scores) -> tuple[Reason, ...]:
    """What is too good to be true on a real market (SPEC 3)."""
    checks = (("ic", scores.ic, LEAK_IC), ("r2", scores.r2, LEAK_R2), ("auc", scores.auc, LEAK_AUC))
    return tuple(
        because(Code.LEAK_ALARM, name, value=value, most=limit) for name, value, limit in checks if value > limit
    )


def model_info(
    evaluation: Evaluation, scores: Scores, *, model_id: str, timeframe: str, horizon_candles: int
) -> ModelInfo:
    """The live view; the verdict is `trade` only if the gate passes, there is an edge and nothing leaks.

    No edge: the calibrator has no skill, or nothing is left of the slope once its luck is taken off.
    """
    slope = shrunk_slope(evaluation.slope.slope, evaluation.slope.t)
    no_edge = scores.calibration.no_edge or slope == 0
    reasons = evaluation.gate.reasons + ((because(Code.NO_EDGE),) if no_edge else ()) + evaluation.leaks
    return ModelInfo(
        model_id=model_id,
        timeframe=timeframe,
        horizon_candles=horizon_candles,
        slope=slope,
        slope_t=evaluation.slope.t,
        base_rate=evaluation.pooled.win_share,
        average_win_frac=evaluation.pooled.win_frac,
        average_loss_frac=evaluation.pooled.loss_frac,
        no_edge=no_edge,
        verdict=ModelVerdict.OBSERVE if reasons else ModelVerdict.TRADE,
        reasons=reasons,
        pooled=evaluation.pooled,
        by_regime=evaluation.by_regime,
        shocked_vol=evaluation.shocked_vol,
    )
