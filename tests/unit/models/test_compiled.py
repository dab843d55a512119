"""The compiled ensemble: one row equals the batch, bad input abstains, damaged files are refused."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from trader.domain.errors import Misconfigured
from trader.domain.reasons import texts
from trader.models import CompiledEnsemble
from trader.models.arrays import EnsembleArrays, validate
from trader.models.artefact import content_hash, load, pack, read_manifest
from trader.models.kernels import horizon_volatility
from trader.models.synthetic import SMALL_SHAPE, synthetic_arrays, synthetic_ensemble

FEATURES = 7


@pytest.fixture(scope="module")
def ensemble() -> CompiledEnsemble:
    return synthetic_ensemble(FEATURES, ((5, 3),) * 5, (6, 4))


@pytest.fixture
def arrays() -> EnsembleArrays:
    return synthetic_arrays(FEATURES, SMALL_SHAPE, (3,))


@pytest.fixture
def model_file(tmp_path: Path, ensemble: CompiledEnsemble) -> Path:
    path = tmp_path / "a.model"
    path.write_bytes(pack(synthetic_arrays(FEATURES, ((5, 3),) * 5, (6, 4)), ensemble.manifest))
    return path


def rows(n: int) -> Any:
    return np.random.default_rng(0).normal(size=(n, FEATURES))


def test_one_row_gives_the_same_bits_as_a_batch(ensemble: CompiledEnsemble) -> None:
    X = rows(200)
    together = ensemble.predict(X)
    assert [ensemble.predict(X[i : i + 1])[0] for i in range(200)] == together.tolist()


def test_a_forest_walk_done_by_hand_agrees(ensemble: CompiledEnsemble) -> None:
    made = synthetic_arrays(FEATURES, ((5, 3),) * 5, (6, 4))
    row = rows(1)[0]
    doubled = np.concatenate((row, row.astype(np.float32).astype(np.float64)))
    totals = np.zeros(6)
    for root, member in zip(made.roots, made.tree_member, strict=True):
        node = root
        while made.left[node]:
            node = made.left[node] + int(doubled[made.feature[node]] > made.threshold[node])
        totals[member] += made.threshold[node]
    np.testing.assert_allclose(ensemble.predict_members(row[np.newaxis])[0, :5], totals[:5], rtol=1e-12)


def test_the_perceptron_agrees_with_matrix_products(ensemble: CompiledEnsemble) -> None:
    made = synthetic_arrays(FEATURES, ((5, 3),) * 5, (6, 4))
    X = rows(10)
    first, start = X, 0
    for inputs, outputs in ((FEATURES, 6), (6, 4), (4, 1)):
        matrix = made.mlp_weights[start : start + inputs * outputs].reshape(inputs, outputs)
        bias = made.mlp_weights[start + inputs * outputs : start + (inputs + 1) * outputs]
        start += (inputs + 1) * outputs
        first = first @ matrix + bias
        if outputs > 1:
            first = np.maximum(first, 0)
    np.testing.assert_allclose(ensemble.predict_members(X)[:, 5], first[:, 0], rtol=1e-10)


def test_a_row_forecast_is_scaled_back_to_a_return(ensemble: CompiledEnsemble) -> None:
    X = rows(3)
    prediction, confidence = ensemble.predict_with_confidence(X)
    forecast = ensemble.predict_row(X[1], atr_frac=0.004)
    assert forecast.prediction == pytest.approx(prediction[1] * 0.004 * np.sqrt(np.pi / 8) * 4, rel=1e-12)
    assert forecast.win_probability == ensemble.win_probability(X)[1]
    assert forecast.confidence == confidence[1] == 1 / (1 + ensemble.predict_members(X)[1].std())
    assert not forecast.abstains


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
def test_a_value_that_is_not_finite_abstains_alone(ensemble: CompiledEnsemble, bad: float) -> None:
    X = rows(3)
    X[1, 2] = bad
    forecasts = ensemble.predict_rows(X, [0.01] * 3)
    assert [forecast.abstains for forecast in forecasts] == [False, True, False]
    assert np.isnan(forecasts[1].win_probability)
    assert np.isnan(forecasts[1].confidence)


def test_another_width_is_refused(ensemble: CompiledEnsemble) -> None:
    with pytest.raises(ValueError, match=rf"\(n_rows, {FEATURES}\)"):
        ensemble.predict(np.zeros((1, FEATURES + 1)))


def test_a_data_frame_is_read_by_name(ensemble: CompiledEnsemble) -> None:
    import pandas as pd

    frame = pd.DataFrame(rows(5), columns=list(ensemble.feature_names))
    shuffled = frame.assign(other=1.0)[["other", *reversed(ensemble.feature_names)]]
    assert ensemble.predict(shuffled).tolist() == ensemble.predict(frame.to_numpy()).tolist()
    with pytest.raises(ValueError, match="lacks the columns f3"):
        ensemble.predict(frame.drop(columns="f3"))


def test_volatility_grows_with_the_root_of_time_and_has_a_floor() -> None:
    assert horizon_volatility(0.01, 16) == pytest.approx(4 * float(horizon_volatility(0.01, 1)))
    assert horizon_volatility(0.0, 1) == 1e-5


def test_a_file_comes_back_equal(model_file: Path, ensemble: CompiledEnsemble) -> None:
    X = rows(50)
    data = model_file.read_bytes()
    again = CompiledEnsemble.load(model_file, expected_hash=content_hash(data), feature_set_hash="synthetic")
    assert again.predict(X).tolist() == ensemble.predict(X).tolist()
    assert again.info == ensemble.info
    assert pack(*load(model_file)) == data


def test_every_truncation_is_refused(model_file: Path) -> None:
    data = model_file.read_bytes()
    for length in range(0, len(data), 97):
        model_file.write_bytes(data[:length])
        with pytest.raises(Misconfigured):
            CompiledEnsemble.load(model_file)


def test_a_flipped_bit_is_refused(model_file: Path) -> None:
    data = bytearray(model_file.read_bytes())
    expected = content_hash(bytes(data))
    data[len(data) // 2] ^= 1
    model_file.write_bytes(bytes(data))
    with pytest.raises(Misconfigured, match="not the one that was registered"):
        CompiledEnsemble.load(model_file, expected_hash=expected)


def test_other_features_are_refused(model_file: Path) -> None:
    with pytest.raises(Misconfigured, match="trained on feature set synthetic"):
        CompiledEnsemble.load(model_file, feature_set_hash="other")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="nowhere"):
        CompiledEnsemble.load(tmp_path / "nowhere")


def test_a_foreign_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.model"
    np.savez(path.open("wb"), a=np.zeros(3))
    with pytest.raises(Misconfigured, match="no manifest"):
        CompiledEnsemble.load(path)


def test_another_schema_is_refused(model_file: Path, ensemble: CompiledEnsemble) -> None:
    newer = msgspec.structs.replace(ensemble.manifest, schema=99)
    model_file.write_bytes(pack(synthetic_arrays(FEATURES, ((5, 3),) * 5, (6, 4)), newer))
    with pytest.raises(Misconfigured, match="schema 99"):
        CompiledEnsemble.load(model_file)


def test_a_pickle_inside_is_never_run(model_file: Path) -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([print], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(model_file) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    parts["weights.npy"] = buffer.getvalue()
    with zipfile.ZipFile(model_file, "w") as new:
        for name, data in parts.items():
            new.writestr(name, data)
    with pytest.raises(Misconfigured, match="truncated or not a model"):
        CompiledEnsemble.load(model_file)


@pytest.mark.parametrize(
    ("column", "place", "value", "complaint"),
    [
        ("left", 0, 10**6, "behind its parent"),
        ("left", 1, 1, "behind its parent"),
        ("left", 1, -5, "behind its parent"),
        ("left", 2, 6, "behind its parent"),  # right child would lie in the next tree
        ("feature", 0, 2 * FEATURES, "feature beyond"),
        ("feature", 0, -1, "feature beyond"),
        ("threshold", 0, np.nan, "not finite"),
        ("roots", 1, 0, "roots"),
        ("roots", -1, 10**6, "roots"),
        ("tree_member", 0, 99, "no such member"),
        ("weights", 0, np.inf, "not finite"),
        ("mlp_sizes", 0, FEATURES + 1, "perceptron"),
        ("mlp_scale", 0, 0.0, "scaling"),
        ("drift_edges", 0, 9.0, "ascend"),
        ("drift_limits", 0, 0.0, "drift limit"),
    ],
)
def test_damaged_arrays_are_refused(
    arrays: EnsembleArrays, column: str, place: int, value: float, complaint: str
) -> None:
    damaged = getattr(arrays, column).copy()
    damaged[place] = value
    with pytest.raises(Misconfigured, match=complaint):
        validate(msgspec.structs.replace(arrays, **{column: damaged}), FEATURES)


def test_shortened_arrays_are_refused(arrays: EnsembleArrays) -> None:
    for column in (
        "feature",
        "threshold",
        "left",
        "tree_member",
        "member_scale",
        "mlp_mean",
        "mlp_weights",
        "drift_edges",
    ):
        damaged = msgspec.structs.replace(arrays, **{column: getattr(arrays, column)[:-1]})
        with pytest.raises(Misconfigured, match="damaged"):
            validate(damaged, FEATURES)


def test_no_learning_library_comes_with_the_live_model() -> None:
    code = (
        "import sys, trader.models; "
        "print([m for m in 'sklearn pandas pyarrow xgboost lightgbm catboost optuna'.split() if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_verdict_of_a_version_without_codes_is_told_as_it_was(model_file: Path, ensemble: CompiledEnsemble) -> None:
    with np.load(model_file) as archive:
        stored = {key: archive[key] for key in archive.files}
    raw = msgspec.json.decode(stored["manifest"].tobytes())
    raw["info"]["reasons"] = ["effective_days 13<30"]
    stored["manifest"] = np.frombuffer(msgspec.json.encode(raw), np.uint8)
    with model_file.open("wb") as handle:
        np.savez(handle, **stored)
    assert texts(read_manifest(model_file).info.reasons) == ("effective_days 13<30",)


def test_a_forecast_carries_what_each_member_says_in_its_own_unit(ensemble: CompiledEnsemble) -> None:
    X, atr_frac = rows(3), np.array([0.002, 0.01, 0.04])
    scale = horizon_volatility(atr_frac, ensemble.info.horizon_candles)
    said = [forecast.members for forecast in ensemble.predict_rows(X, atr_frac)]
    assert len(said[0]) == len(ensemble.manifest.members)
    np.testing.assert_array_equal(said, ensemble.predict_members(X) * scale[:, np.newaxis])
