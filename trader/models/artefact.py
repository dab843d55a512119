"""A trained model in one file: flat arrays and a manifest, in numpy's zip format, never a pickle.

The file's hash is kept elsewhere (the registry's database); a file that was changed does not load.
"""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from trader.domain.errors import Misconfigured
from trader.domain.reasons import with_codes
from trader.domain.signals import ModelInfo
from trader.models.arrays import DTYPES, EnsembleArrays, validate

FORMAT = "trader-model"
SCHEMA = 1
LARGEST_FILE_BYTES = 512 * 1024 * 1024


class TrainingWindow(msgspec.Struct, frozen=True):
    """What the model saw."""

    symbols: tuple[str, ...]
    first_open_ms: int
    last_open_ms: int
    rows: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What the arrays mean. `scores` are out of fold; `constants` are the arrays' single numbers."""

    format: str = FORMAT
    schema: int = SCHEMA
    info: ModelInfo
    profile: str
    random_state: int
    feature_names: tuple[str, ...]
    feature_set_hash: str
    feature_groups: tuple[str, ...] = ()  # what the inputs need beyond a symbol's own candles
    members: tuple[str, ...]
    stack: str  # "ridge", "non_negative" or "mean"
    constants: dict[str, float]
    window: TrainingWindow
    costs: dict[str, float] = {}  # round trip per symbol that outcomes were charged, fraction
    scores: dict[str, float] = {}
    libraries: dict[str, str] = {}
    importance: dict[str, float] = {}


def stored_manifest(stored: bytes) -> Manifest:
    """A manifest as the registry keeps it (JSON), of this version or one before."""
    return msgspec.convert(with_codes(msgspec.json.decode(stored)), Manifest)


def pack(arrays: EnsembleArrays, manifest: Manifest) -> bytes:
    """The file's bytes. Equal arrays and manifest give equal bytes."""
    validate(arrays, len(manifest.feature_names))
    stored: dict[str, Any] = {name: getattr(arrays, name) for name in DTYPES}
    stored["manifest"] = np.frombuffer(msgspec.json.encode(manifest), np.uint8)
    buffer = io.BytesIO()
    np.savez(buffer, **stored)
    return buffer.getvalue()


def content_hash(data: bytes) -> str:
    """The file's blake2b hash, 64 hex digits."""
    return hashlib.blake2b(data, digest_size=32).hexdigest()


def read_manifest(path: Path) -> Manifest:
    """Only the manifest, unverified: for showing, not for trading."""
    return _decode_manifest(str(path), _open(str(path), _read(path)))


def load(
    path: Path, *, expected_hash: str | None = None, feature_set_hash: str | None = None
) -> tuple[EnsembleArrays, Manifest]:
    """Read and prove a model file.

    Raises `Misconfigured` if it is missing, truncated, foreign, of another schema, not the file the registry
    recorded (`expected_hash`), or made for other features than the program computes (`feature_set_hash`).
    """
    data = _read(path)
    if expected_hash is not None and content_hash(data) != expected_hash:
        raise Misconfigured(f"model file {path} is not the one that was registered (its hash differs); train again")
    arrays, manifest = load_bytes(data, str(path))
    if feature_set_hash is not None and manifest.feature_set_hash != feature_set_hash:
        raise Misconfigured(
            f"model {manifest.info.model_id} was trained on feature set {manifest.feature_set_hash}, "
            f"this program computes {feature_set_hash}; train again"
        )
    return arrays, manifest


def load_bytes(data: bytes, name: str = "data") -> tuple[EnsembleArrays, Manifest]:
    """`load` for a file that is already read; `name` is for the errors."""
    stored = _open(name, data)
    manifest = _decode_manifest(name, stored)
    arrays = _decode_arrays(name, stored, manifest)
    validate(arrays, len(manifest.feature_names))
    if len(manifest.members) != len(arrays.weights):
        raise Misconfigured(
            f"model file {name} names {len(manifest.members)} members for {len(arrays.weights)} weights"
        )
    return arrays, manifest


def constants_of(arrays: EnsembleArrays) -> dict[str, float]:
    """The single numbers of `arrays`, as the manifest stores them."""
    return {name: float(getattr(arrays, name)) for name in EnsembleArrays.__struct_fields__ if name not in DTYPES}


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise Misconfigured(f"model file {path} is larger than {LARGEST_FILE_BYTES} bytes")
        return path.read_bytes()
    except OSError as error:
        raise Misconfigured(f"model file {path} cannot be read ({error.strerror}); train again") from error


def _open(name: str, data: bytes) -> Mapping[str, Any]:
    """All stored arrays, by name; a pickle inside is refused by numpy."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, KeyError, AttributeError, zipfile.BadZipFile, NotImplementedError) as error:
        raise Misconfigured(f"model file {name} is truncated or not a model ({error}); train again") from error


def _decode_manifest(name: str, stored: Mapping[str, Any]) -> Manifest:
    if "manifest" not in stored:
        raise Misconfigured(f"file {name} is not a model: it has no manifest")
    try:
        raw = msgspec.json.decode(stored["manifest"].tobytes())
        if raw.get("format") != FORMAT or raw.get("schema") != SCHEMA:
            found = f"{raw.get('format')} schema {raw.get('schema')}"
            raise Misconfigured(
                f"model file {name} is {found}, this program reads {FORMAT} schema {SCHEMA}; train again"
            )
        return msgspec.convert(with_codes(raw), Manifest)
    except (msgspec.MsgspecError, AttributeError) as error:
        raise Misconfigured(f"model file {name} has an unreadable manifest ({error}); train again") from error


def _decode_arrays(name: str, stored: Mapping[str, Any], manifest: Manifest) -> EnsembleArrays:
    constants = manifest.constants
    missing = [key for key in DTYPES if key not in stored]
    missing += [key for key in EnsembleArrays.__struct_fields__ if key not in DTYPES and key not in constants]
    if missing:
        raise Misconfigured(f"model file {name} lacks {', '.join(missing)}; train again")
    flat = {key: np.ascontiguousarray(stored[key]) for key in DTYPES}
    return EnsembleArrays(
        **flat,
        mlp_member=int(constants["mlp_member"]),
        mlp_limit=constants["mlp_limit"],
        intercept=constants["intercept"],
        calibration=int(constants["calibration"]),
        two_sided=bool(constants["two_sided"]),
        drift_window_ms=int(constants["drift_window_ms"]),
        probability_low=constants["probability_low"],
        probability_high=constants["probability_high"],
    )
