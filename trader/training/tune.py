"""Searching parameters with Optuna: purged walk-forward, net of costs, seeded, pruned, resumable, several workers.

Searching is comparing: the best of many trials looks good by luck alone. The result therefore carries the deflated
score (Bailey and Lopez de Prado 2014) and the number of trials, by which the gate divides its level.
"""

import ctypes
import math
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from statistics import NormalDist
from typing import Any

import msgspec
import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # ships no types

from trader.domain.candle_arrays import Floats
from trader.models.gate import day_returns
from trader.training.dataset import Dataset
from trader.training.evaluate import Rules, judged
from trader.training.learn import Sample, fit_member
from trader.training.profiles import Member, Profile, profile_named
from trader.training.splits import PurgedWalkForward

_PR_SET_PDEATHSIG = 1
EULER = 0.5772156649015329
PRUNE_AFTER_TRIALS = 5
MOST_SCORE = 50.0  # a spread of zero would give an infinite one

TrialDone = Callable[[int, float | None], None]


class TuningReport(msgspec.Struct, frozen=True):
    """`score`: mean / standard deviation of the daily net returns of the strongest predictions (not annualised)."""

    profile: Profile
    parameters: dict[str, float]
    score: float
    daily_returns: int
    trials: int  # finished or pruned: everything that was compared
    pruned: int
    score_by_luck: float  # what the best of as many trials without skill is expected to reach
    deflated: float  # probability that the true score is above zero, given the search
    importance: dict[str, float]

    @property
    def caveat(self) -> str:
        """In words."""
        return (
            f"Best of {self.trials} trials: {self.score:+.3f} a day; {self.score_by_luck:+.3f} is expected of the best "
            f"of as many without skill. Probability of a true score above zero after the search: {self.deflated:.0%}."
        )


def tuning_text(report: TuningReport) -> str:
    """The report on a terminal."""
    importance = sorted(report.importance.items(), key=lambda item: -item[1])
    return "\n".join(
        [
            report.caveat,
            f"{report.trials} trials, {report.pruned} pruned; the best traded on {report.daily_returns} days.",
            "",
            *(
                f"  {name:<16} {value:<10.4g} importance {report.importance.get(name, 0.0):.0%}"
                for name, value in report.parameters.items()
            ),
            *(["", "most important: " + ", ".join(name for name, _ in importance[:3])] if importance else []),
        ]
    )


def tune(
    table: Dataset,
    rules: Rules,
    *,
    base: str = "fast",
    trials: int = 30,
    storage: Path,
    name: str = "tune",
    seed: int = 42,
    worker: int = 0,
    on_trial: TrialDone | None = None,
) -> TuningReport:
    """Run up to `trials` further trials of the study `name` in the journal file `storage`, and report on all of it.

    Several processes may work on one `storage`, each with its own `worker` number. An interrupted search is
    continued by calling again. table: rows as `dataset.sampled` gives them.
    """
    study = open_study(storage, name, seed + worker)
    known = profile_named(base)
    folds = list(
        PurgedWalkForward(known.n_splits, table.label_ms).split(
            table.X, groups=np.column_stack((table.start_ms, table.end_ms))
        )
    )

    def objective(trial: optuna.Trial) -> float:
        return _walk_forward(trial, adjusted(known, suggested(trial)), table, folds, rules, seed)

    def told(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
        if on_trial:
            on_trial(trial.number, trial.value)

    with threadpool_limits(1):
        study.optimize(objective, n_trials=trials, callbacks=[told])
    return report_on(study, known)


def tune_in_parallel(
    table: Dataset,
    rules: Rules,
    *,
    workers: int,
    base: str = "fast",
    trials: int = 30,
    storage: Path,
    name: str = "tune",
    seed: int = 42,
    on_trial: TrialDone | None = None,
) -> TuningReport:
    """`tune` in `workers` processes (spawned, never forked), `trials` in all; this process is one of them."""
    shares = [trials // workers + (i < trials % workers) for i in range(workers)]
    context = get_context("spawn")
    others = [
        context.Process(target=_work, args=(table, rules, base, share, storage, name, seed, number), daemon=True)
        for number, share in enumerate(shares)
        if number and share
    ]
    for process in others:
        process.start()
    try:
        tune(table, rules, base=base, trials=shares[0], storage=storage, name=name, seed=seed, on_trial=on_trial)
        for process in others:
            process.join()
    finally:
        for process in others:
            process.kill()
    return report_on(open_study(storage, name, seed), profile_named(base))


def _work(
    table: Dataset, rules: Rules, base: str, trials: int, storage: Path, name: str, seed: int, worker: int
) -> None:
    _end_with(os.getppid())
    tune(table, rules, base=base, trials=trials, storage=storage, name=name, seed=seed, worker=worker)


def _end_with(parent: int) -> None:
    """Ask Linux to end this process when the one that started it is killed."""
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        sys.exit(1)


def open_study(storage: Path, name: str, seed: int) -> optuna.Study:
    """Create or continue; the journal file is shared by all workers."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        study_name=name,
        storage=optuna.storages.JournalStorage(JournalFileBackend(str(storage))),
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=PRUNE_AFTER_TRIALS, n_warmup_steps=1),
        direction="maximize",
        load_if_exists=True,
    )


def suggested(trial: optuna.Trial) -> dict[str, float]:
    """What is searched: the capacity and the noise of each family."""
    return {
        "trees": trial.suggest_float("trees", 0.4, 2.5, log=True),
        "depth": trial.suggest_int("depth", 2, 7),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.15, log=True),
        "leaf_labels": trial.suggest_int("leaf_labels", 10, 200, log=True),
        "row_share": trial.suggest_float("row_share", 0.3, 0.9),
        "column_share": trial.suggest_float("column_share", 0.1, 0.8),
        "forest_depth": trial.suggest_int("forest_depth", 3, 12),
        "forest_columns": trial.suggest_float("forest_columns", 0.03, 0.5, log=True),
        "mlp_alpha": trial.suggest_float("mlp_alpha", 1e-3, 30.0, log=True),
        "mlp_rounds": trial.suggest_int("mlp_rounds", 2, 20, log=True),
    }


def adjusted(base: Profile, values: dict[str, float]) -> Profile:
    """`base` with the suggested values in each library's own words."""
    members = {
        name: msgspec.structs.replace(member, parameters={**member.parameters, **_own_words(member, values)})
        for name, member in base.members.items()
    }
    return msgspec.structs.replace(base, members=members)


def _own_words(member: Member, values: dict[str, float]) -> dict[str, Any]:
    depth, rate, leaf = int(values["depth"]), values["learning_rate"], int(values["leaf_labels"])
    rows, columns = values["row_share"], values["column_share"]

    def trees(name: str) -> dict[str, int]:
        return {name: max(5, round(member.parameters[name] * values["trees"]))}

    if member.kind == "xgboost":
        shape = {"max_depth": depth, "learning_rate": rate, "min_child_weight": leaf}
        return {**trees("n_estimators"), **shape, "subsample": rows, "colsample_bytree": columns}
    if member.kind == "lightgbm":
        shape = {"max_depth": depth, "num_leaves": 2**depth - 1, "learning_rate": rate, "min_child_samples": leaf}
        return {**trees("n_estimators"), **shape, "subsample": rows, "subsample_freq": 1, "colsample_bytree": columns}
    if member.kind == "catboost":
        return {**trees("iterations"), "depth": depth, "learning_rate": rate, "rsm": columns}
    if member.kind == "random_forest":
        return {
            "max_depth": int(values["forest_depth"]),
            "min_samples_leaf": leaf,
            "max_features": values["forest_columns"],
        }
    if member.kind == "gradient_boosting":
        shape = {"max_depth": depth, "learning_rate": rate, "min_samples_leaf": leaf}
        return {**trees("n_estimators"), **shape, "subsample": rows, "max_features": columns}
    if member.kind == "hist_boosting":
        shape = {"max_depth": depth, "learning_rate": rate, "min_samples_leaf": leaf}
        return {**trees("max_iter"), **shape, "max_features": columns}
    return {"alpha": values["mlp_alpha"], "max_iter": int(values["mlp_rounds"])}


def _walk_forward(
    trial: optuna.Trial, profile: Profile, table: Dataset, folds: list[Any], rules: Rules, seed: int
) -> float:
    """The score of the plain mean of the members, told to the pruner after every fold from the second on."""
    tested: list[Any] = []
    predictions: list[Floats] = []
    score, crowding = 0.0, 1 / float(table.weight.mean())
    for k, (train, test) in enumerate(folds):
        seen = Sample(table.X[train], table.y[train], table.weight[train], table.start_ms[train], table.end_ms[train])
        made = [fit_member(member, seen, seed, crowding).predict(table.X[test]) for member in profile.members.values()]
        tested.append(test)
        predictions.append(np.mean(made, axis=0))
        if k == 0:
            continue
        rows = np.concatenate(tested)
        fold = np.repeat(np.arange(k + 1), [len(one) for one in tested])
        part = table.take(rows)
        found = judged(part, np.concatenate(predictions) * part.scale, fold, rules)
        _, returns = day_returns(found.by_rank.trades)
        score = daily_score(returns)
        trial.set_user_attr("days", len(returns))
        trial.set_user_attr("shape", _shape(returns))
        trial.report(score, k)
        if trial.should_prune():
            raise optuna.TrialPruned
    return score


def daily_score(returns: Floats) -> float:
    """Mean / standard deviation of daily returns; 0 with fewer than 5 days."""
    if len(returns) < 5:
        return 0.0
    spread = float(returns.std(ddof=1))
    mean = float(returns.mean())
    return min(MOST_SCORE, max(-MOST_SCORE, mean / spread)) if spread > 0 else math.copysign(MOST_SCORE, mean)


def _shape(returns: Floats) -> list[float]:
    """[skewness, kurtosis] (normal: 0, 3)."""
    if len(returns) < 5 or returns.std() == 0:
        return [0.0, 3.0]
    z = (returns - returns.mean()) / returns.std()
    return [float((z**3).mean()), float((z**4).mean())]


def score_by_luck(scores: Floats) -> float:
    """Expected maximum of as many scores without skill, with the spread the scores have (Bailey, Lopez de Prado)."""
    n = len(scores)
    if n < 2:
        return 0.0
    quantile = NormalDist().inv_cdf
    return float(scores.std(ddof=1)) * ((1 - EULER) * quantile(1 - 1 / n) + EULER * quantile(1 - 1 / (n * math.e)))


def deflated_score(score: float, by_luck: float, days: int, skew: float, kurtosis: float) -> float:
    """Probability that a score measured over `days` is truly above `by_luck`, for returns of that shape."""
    if days < 5:
        return 0.0
    spread = math.sqrt(max(1e-12, 1 - skew * score + (kurtosis - 1) / 4 * score**2))
    return NormalDist().cdf((score - by_luck) * math.sqrt(days - 1) / spread)


def report_on(study: optuna.Study, base: Profile) -> TuningReport:
    """What the study found so far; raises ValueError if no trial has finished."""
    states = optuna.trial.TrialState
    finished = study.get_trials(deepcopy=False, states=(states.COMPLETE,))
    pruned = study.get_trials(deepcopy=False, states=(states.PRUNED,))
    if not finished:
        raise ValueError(f"study {study.study_name} has no finished trial yet; let it run longer")
    best = study.best_trial
    scores = np.array([trial.value for trial in finished], np.float64)
    luck = score_by_luck(scores) * _more(len(finished), len(pruned))
    days, (skew, kurtosis) = int(best.user_attrs["days"]), best.user_attrs["shape"]
    compared = len(finished) + len(pruned)
    return TuningReport(
        profile=msgspec.structs.replace(adjusted(base, best.params), compared=compared),
        parameters={name: float(value) for name, value in best.params.items()},
        score=float(scores.max()),
        daily_returns=days,
        trials=compared,
        pruned=len(pruned),
        score_by_luck=luck,
        deflated=deflated_score(float(scores.max()), luck, days, skew, kurtosis),
        importance=_importance(study, len(finished)),
    )


def _more(finished: int, pruned: int) -> float:
    """Pruned trials were compared too: how much further the expected maximum lies with all of them."""
    few, all_ = (score_by_luck(np.array([-1.0, 1.0] * max(1, n // 2))) for n in (finished, finished + pruned))
    return max(1.0, all_ / few) if few > 0 else 1.0


def _importance(study: optuna.Study, finished: int) -> dict[str, float]:
    if finished < 4:
        return {}
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    return {
        name: float(share)
        for name, share in optuna.importance.get_param_importances(study, evaluator=evaluator).items()
    }
