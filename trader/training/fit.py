"""From candles to a model file: dataset, ensemble, evaluation, artefact."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec
import numpy as np

from trader.config.schema import Settings
from trader.domain.candle_arrays import CandleArrays
from trader.domain.units import BPS
from trader.features import NO_EXTRAS, Extras
from trader.models.artefact import Manifest, TrainingWindow, constants_of, content_hash, pack
from trader.models.card import Card
from trader.models.gate import GateRules
from trader.models.reference import make_reference
from trader.training.card import make_card
from trader.training.checkpoint import FoldCheckpoint
from trader.training.compile import to_arrays
from trader.training.dataset import Costs, Dataset, build_dataset, sampled
from trader.training.ensemble import StackedEnsemble
from trader.training.evaluate import Evaluation, Rules, evaluate, model_info
from trader.training.profiles import Profile, profile_named
from trader.training.progress import Progress, Report, ignore

LIBRARIES = ("numpy", "scikit-learn", "xgboost", "xgboost-cpu", "lightgbm", "catboost")


class TrainedModel(NamedTuple):
    """`data` is the model file; the rest is what it was made from."""

    data: bytes
    manifest: Manifest
    card: Card
    ensemble: StackedEnsemble
    table: Dataset
    evaluation: Evaluation


class ModelRegistry(Protocol):
    """Where finished models go (`adapters.model_files`)."""

    def register(self, data: bytes, card: bytes | None = None) -> str:
        """Keep a model file and its card, and vouch for it; returns its id."""

    def promote(self, model_id: str) -> None:
        """Make it the champion of its timeframe."""

    def challenge(self, model_id: str) -> None:
        """Let it forecast beside the champion."""


def train(
    candles: Mapping[str, CandleArrays],
    settings: Settings,
    *,
    costs: Mapping[str, Costs] | None = None,
    extras: Extras = NO_EXTRAS,
    tuned: Profile | None = None,
    progress: Report = ignore,
    checkpoint: Path | None = None,
) -> TrainedModel:
    """Fit the configured profile, or a `tuned` one, on `candles` (per symbol, oldest first; gaps are filled flat).

    `costs` per symbol, see `dataset.Costs`; `extras` for the feature groups, see `features.Extras`. checkpoint: a
    folder for finished folds, with which an interrupted training goes on where it was. An exception that `progress`
    raises ends the training. Raises `Misconfigured` if there is too little history.
    """
    steps = Progress(progress)
    steps.reached("features and labels", 0.0)
    profile = tuned or profile_named(settings.model.profile)
    table = sampled(build_dataset(candles, settings, costs, extras), profile.largest_rows)
    steps.reached("features and labels", 0.1, f"{len(table.y)} rows of {len(table.symbols)} symbols")
    folds = FoldCheckpoint(checkpoint) if checkpoint else None
    rules = rules_of(settings, profile)
    ensemble = StackedEnsemble(profile, settings.model.random_state, embargo=table.label_ms).fit(
        table.X,
        table.y,
        label_start=table.start_ms,
        label_end=table.end_ms,
        wins=table.long_net > 0,
        short_wins=table.short_net > 0 if rules.two_sided else None,
        label_weight=table.weight,
        control=table.cost / table.scale,
        on_step=steps.part(0.1, 0.97),
        checkpoint=folds,
    )
    steps.reached("evaluation", 0.97)
    evaluation = evaluate(table, ensemble.out_of_fold_, ensemble.scores_, rules)
    name = "tuned" if tuned else settings.model.profile
    data, manifest = package(ensemble, evaluation, table, settings, name)
    card = make_card(manifest, ensemble, table, evaluation, rules)
    if folds:
        folds.clear()
    steps.reached("done", 1.0, manifest.info.model_id)
    return TrainedModel(data, manifest, card, ensemble, table, evaluation)


def train_and_register(
    candles: Mapping[str, CandleArrays],
    settings: Settings,
    files: ModelRegistry,
    progress: Report = ignore,
    *,
    costs: Mapping[str, Costs] | None = None,
    extras: Extras = NO_EXTRAS,
    tuned: Profile | None = None,
    checkpoint: Path | None = None,
    is_challenger: bool = False,
) -> TrainedModel:
    """`train`, then keep the model with its card and make it the champion of its timeframe, or its challenger."""
    trained = train(
        candles, settings, costs=costs, extras=extras, tuned=tuned, progress=progress, checkpoint=checkpoint
    )
    model_id = files.register(trained.data, msgspec.json.encode(trained.card))
    if is_challenger:
        files.challenge(model_id)
    else:
        files.promote(model_id)
    return trained


def rules_of(settings: Settings, profile: Profile) -> Rules:
    """How predictions become trades under `settings`; the more profiles were compared, the stricter the gate."""
    return Rules(
        minimum_edge_frac=settings.strategy.minimum_edge_bps / BPS,
        two_sided=settings.exchange.market == "perpetual",
        gate=GateRules(configurations=profile.compared),
    )


def package(
    ensemble: StackedEnsemble, evaluation: Evaluation, table: Dataset, settings: Settings, profile_name: str
) -> tuple[bytes, Manifest]:
    """The model file and its manifest. The model's id ends in the hash of everything else in the file."""
    found = ensemble.out_of_fold_
    seen = np.column_stack((evaluation.part.X, found.prediction))
    arrays = to_arrays(ensemble, make_reference(seen, evaluation.part.start_ms))
    scores = ensemble.scores_
    info = model_info(
        evaluation,
        scores,
        model_id="",
        timeframe=settings.market.timeframe,
        horizon_candles=settings.model.horizon_candles,
    )
    draft = Manifest(
        info=info,
        profile=profile_name,
        random_state=settings.model.random_state,
        feature_names=table.feature_names,
        feature_set_hash=table.feature_set_hash,
        feature_groups=table.feature_groups,
        members=tuple(ensemble.members_),
        stack=ensemble.stack_.kind,
        constants=constants_of(arrays),
        window=TrainingWindow(
            symbols=table.symbols,
            first_open_ms=int(table.start_ms[0]),
            last_open_ms=int(table.start_ms[-1]),
            rows=len(table.y),
        ),
        costs={symbol: float(table.cost[table.symbol == i].mean()) for i, symbol in enumerate(table.symbols)},
        scores=_scores(ensemble, evaluation),
        libraries=_libraries(),
        importance={table.feature_names[int(name[1:])]: share for name, share in ensemble.feature_importance().items()},
    )
    manifest = msgspec.structs.replace(
        draft, info=msgspec.structs.replace(info, model_id=_model_id(draft, content_hash(pack(arrays, draft))))
    )
    return pack(arrays, manifest), manifest


def _model_id(manifest: Manifest, digest: str) -> str:
    until = datetime.fromtimestamp(manifest.window.last_open_ms / 1000, UTC).strftime("%Y%m%dT%H%M")
    return f"{manifest.info.timeframe}-{manifest.profile}-{until}-{digest[:8]}"


def _scores(ensemble: StackedEnsemble, evaluation: Evaluation) -> dict[str, float]:
    scores, gate = ensemble.scores_, evaluation.gate
    return {
        "ic": scores.ic,
        "ic_error": scores.ic_error,
        "r2": scores.r2,
        "auc": scores.auc,
        "ece": scores.calibration.ece,
        "brier": scores.calibration.brier,
        "brier_base": scores.calibration.brier_base,
        "skill": scores.calibration.skill,
        "skill_t": scores.calibration.skill_t,
        "slope": evaluation.slope.slope,
        "trades": float(gate.trades),
        "mean_trade_bps": gate.mean_trade_bps,
        **{f"ic_{name}": value for name, value in scores.member_ic.items()},
        **{f"stack_ic_{name}": value for name, value in scores.stack_ic.items()},
    }


def _libraries() -> dict[str, str]:
    found = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
