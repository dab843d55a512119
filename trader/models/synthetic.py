"""A made-up ensemble with the shape of a real one: for benches and for compiling, never for trading."""

import numpy as np

from trader.domain.reasons import Code, because
from trader.domain.signals import ModelInfo, ModelVerdict
from trader.domain.units import HOUR_MS
from trader.models.arrays import EnsembleArrays
from trader.models.artefact import Manifest, TrainingWindow, constants_of
from trader.models.compiled import CompiledEnsemble
from trader.models.kernels import LOGISTIC
from trader.models.reference import BINS, USUAL_LIMIT

MEMBERS = ("xgboost", "lightgbm", "catboost", "random_forest", "gradient_boosting", "mlp")
FULL_SHAPE = ((200, 6), (200, 5), (200, 6), (100, 10), (100, 5))  # (trees, depth) per tree member
FULL_LAYERS = (100, 50, 25)
SMALL_SHAPE = ((2, 2),) * 5


def synthetic_ensemble(
    n_features: int = 120, shape: tuple[tuple[int, int], ...] = FULL_SHAPE, layers: tuple[int, ...] = FULL_LAYERS
) -> CompiledEnsemble:
    """Complete random trees per (trees, depth) and a random perceptron; no knowledge of any market."""
    arrays = synthetic_arrays(n_features, shape, layers)
    return CompiledEnsemble(arrays, _manifest(arrays, n_features, len(shape) + 1))


def synthetic_arrays(n_features: int, shape: tuple[tuple[int, int], ...], layers: tuple[int, ...]) -> EnsembleArrays:
    """The arrays of `synthetic_ensemble`; the same every time."""
    rng = np.random.default_rng(42)
    depths = [(depth, member) for member, (trees, depth) in enumerate(shape) for _ in range(trees)]
    roots = np.cumsum([0] + [2 ** (depth + 1) - 1 for depth, _ in depths])
    nodes = int(roots[-1])
    left = np.zeros(nodes, np.int32)
    for root, (depth, _) in zip(roots, depths, strict=False):
        inner = np.arange(2**depth - 1)
        left[root + inner] = root + 2 * inner + 1
    is_leaf = left == 0
    sizes = np.array([n_features, *layers, 1], np.int32)
    count = int((sizes[:-1] * sizes[1:] + sizes[1:]).sum())
    members = len(shape) + 1
    return EnsembleArrays(
        feature=rng.integers(0, 2 * n_features, nodes).astype(np.int32),
        threshold=np.where(is_leaf, rng.normal(0, 0.01, nodes), rng.normal(0, 1, nodes)),
        left=left,
        roots=roots[:-1].astype(np.int32),
        tree_member=np.array([member for _, member in depths], np.int32),
        member_scale=np.ones(members),
        member_offset=np.zeros(members),
        member_single=np.zeros(members, np.int32),
        mlp_mean=np.zeros(n_features),
        mlp_scale=np.ones(n_features),
        mlp_sizes=sizes,
        mlp_weights=rng.normal(0, 0.05, count),
        weights=np.full(members, 1 / members),
        knots=np.zeros(0),
        levels=np.array([0.0, 1.0]),
        mlp_member=members - 1,
        mlp_limit=10.0,
        intercept=0.0,
        calibration=LOGISTIC,
        two_sided=False,
        drift_edges=np.tile(np.linspace(-1, 1, BINS - 1), n_features + 1),
        drift_shares=np.full((n_features + 1) * BINS, 1 / BINS),
        drift_limits=np.full(n_features + 1, USUAL_LIMIT),
        drift_window_ms=HOUR_MS,
        probability_low=0.05,
        probability_high=0.95,
    )


def _manifest(arrays: EnsembleArrays, n_features: int, members: int) -> Manifest:
    info = ModelInfo(
        model_id="synthetic",
        timeframe="15m",
        horizon_candles=16,
        slope=0.0,
        slope_t=0.0,
        base_rate=0.5,
        average_win_frac=0.01,
        average_loss_frac=0.01,
        no_edge=True,
        verdict=ModelVerdict.OBSERVE,
        reasons=(because(Code.SYNTHETIC),),
    )
    return Manifest(
        info=info,
        profile="synthetic",
        random_state=42,
        feature_names=tuple(f"f{i}" for i in range(n_features)),
        feature_set_hash="synthetic",
        members=MEMBERS[-members:],
        stack="mean",
        constants=constants_of(arrays),
        window=TrainingWindow(symbols=(), first_open_ms=0, last_open_ms=0, rows=0),
    )
