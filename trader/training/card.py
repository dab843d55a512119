"""The model card: what a model was made from, what it is worth out of sample, and whether that pays its costs."""

from datetime import UTC, datetime

import numpy as np

from trader.domain.reasons import told
from trader.domain.signals import ModelInfo, ModelVerdict
from trader.domain.units import BPS, DAY_MS
from trader.models.artefact import Manifest
from trader.models.card import Card, Curve, Rival, Share
from trader.models.gate import GateResult, day_returns
from trader.models.statistics import bootstrap_lower_bound, rank_correlation, rank_correlation_error
from trader.training.baselines import baselines
from trader.training.dataset import REGIMES, Dataset
from trader.training.ensemble import StackedEnsemble
from trader.training.evaluate import TOP_SHARE, Candidate, Evaluation, Path, Rules, blocks_of

MOST_FEATURES = 25


def make_card(
    manifest: Manifest, ensemble: StackedEnsemble, table: Dataset, evaluation: Evaluation, rules: Rules
) -> Card:
    """Numbers only; takes a few seconds for a straight line through the data."""
    part, scores = evaluation.part, ensemble.scores_
    others = baselines(table, ensemble.out_of_fold_, rules)
    candidates = {"model": evaluation.model, **others}
    return Card(
        info=manifest.info,
        profile=manifest.profile,
        summary=summary_of(manifest.info, evaluation.gate, evaluation.model.by_rank),
        symbols=table.symbols,
        first=_day(int(table.start_ms[0])),
        last=_day(int(table.start_ms[-1])),
        rows=len(table.y),
        tested_rows=len(part.y),
        cost_bps=float(part.cost.mean() * BPS),
        scores=manifest.scores,
        stack=ensemble.stack_.kind,
        stack_weights=dict(zip(ensemble.members_, ensemble.stack_.weights.tolist(), strict=True)),
        stack_ic=scores.stack_ic,
        member_ic=scores.member_ic,
        fold_ic=scores.fold_ic,
        calibration=scores.calibration,
        gate=evaluation.gate,
        by_month=_shares(evaluation, np.array([_day(ms)[:7] for ms in part.start_ms.tolist()])),
        by_symbol=_shares(evaluation, np.array(part.symbols)[part.symbol]),
        by_regime=_shares(evaluation, np.array([regime.value for regime in REGIMES])[part.regime]),
        importance=dict(list(manifest.importance.items())[:MOST_FEATURES]),
        rivals=tuple(_rival(name, candidate) for name, candidate in candidates.items()),
        curves=_curves(part, candidates),
        libraries=manifest.libraries,
    )


def summary_of(info: ModelInfo, gate: GateResult, strongest: Path) -> str:
    """Plain sentences: does it earn its costs, do its `strongest` predictions, and may it trade real money."""
    low, high = gate.day_return_low, gate.day_return_high
    if low is None or high is None:
        earns = (
            f"Out of sample {gate.trades or 'no'} predictions were worth their costs: too few to say what they earn."
        )
    else:
        sure = "above" if low > 0 else "below" if high < 0 else "on both sides of"
        earns = (
            f"Out of sample {gate.trades} trades on {gate.active_days} of {gate.days} days made "
            f"{gate.mean_trade_bps:+.1f} bp each after costs. The interval is {sure} zero: {low * BPS:+.1f} to "
            f"{high * BPS:+.1f} bp an active day."
        )
    if info.verdict is ModelVerdict.TRADE:
        return f"{earns} {_strongest(strongest)}It may trade real money."
    wait = "no number of days is in sight that would change that"
    if gate.days_to_decision is not None:
        wait = f"at this mean and spread about {gate.days_to_decision:,.0f} more days would decide"
    return f"{earns} {_strongest(strongest)}It observes ({told(info.reasons, ', ')}); {wait}."


def _strongest(found: Path) -> str:
    """What trading the strongest predictions, whatever they promise, would have made; 95% interval over days."""
    _, returns = day_returns(found.trades)
    low, high = bootstrap_lower_bound(returns, 0.025), -bootstrap_lower_bound(-returns, 0.025)
    if not (np.isfinite(low) and np.isfinite(high)):
        return ""
    return (
        f"The strongest {TOP_SHARE:.0%} of its predictions ({len(found.rows)} trades) made "
        f"{_mean_bps(found.trades.net):+.1f} bp each after costs and {_mean_bps(found.gross):+.1f} bp before, "
        f"{low * BPS:+.1f} to {high * BPS:+.1f} bp an active day. "
    )


def _shares(evaluation: Evaluation, names: np.ndarray[tuple[int], np.dtype[np.str_]]) -> tuple[Share, ...]:
    part, prediction = evaluation.part, evaluation.expected / evaluation.part.scale
    block = blocks_of(part)
    result = []
    for name in np.unique(names):
        rows = names == name
        error = rank_correlation_error(prediction[rows], part.y[rows], block[rows])
        ic = rank_correlation(prediction[rows], part.y[rows])
        result.append(Share(str(name), ic, error if np.isfinite(error) else None, int(rows.sum())))
    return tuple(result)


def _rival(name: str, candidate: Candidate) -> Rival:
    edge, rank = candidate.by_edge, candidate.by_rank
    return Rival(
        name=name,
        ic=candidate.ic,
        slope_t=candidate.slope.t,
        trades=len(edge.rows),
        net_trade_bps=_mean_bps(edge.trades.net),
        gross_trade_bps=_mean_bps(edge.gross),
        top_trades=len(rank.rows),
        top_net_trade_bps=_mean_bps(rank.trades.net),
        verdict=candidate.gate.verdict,
    )


def _curves(part: Dataset, candidates: dict[str, Candidate]) -> tuple[Curve, ...]:
    top = f"top {TOP_SHARE:.0%}"
    chosen = [
        ("model, by calibrated edge", candidates["model"].by_edge),
        (f"model, {top}", candidates["model"].by_rank),
        *((f"{name}, {top}", candidate.by_rank) for name, candidate in candidates.items() if name != "model"),
    ]
    return tuple(_curve(name, part, one) for name, one in chosen if len(one.rows))


def _curve(name: str, part: Dataset, one: Path) -> Curve:
    share = 1 / len(part.symbols)
    days, net = day_returns(one.trades)
    _, gross = day_returns(one.trades._replace(net=one.gross))
    return Curve(
        name=name,
        days=tuple(_day(int(day) * DAY_MS) for day in days),
        gross=tuple(np.cumsum(gross * share).tolist()),
        net=tuple(np.cumsum(net * share).tolist()),
    )


def _mean_bps(returns: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    return float(returns.mean() * BPS) if len(returns) else 0.0


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d")
