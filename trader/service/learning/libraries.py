"""Whether this installation can train: the image that only trades has no learning libraries."""

from importlib.util import find_spec

from trader.domain.errors import Misconfigured

LEARNING_LIBRARIES = ("lightgbm", "xgboost", "catboost", "sklearn", "optuna")


def missing_libraries() -> list[str]:
    """Learning libraries that are not installed, without loading those that are."""
    return [name for name in LEARNING_LIBRARIES if find_spec(name) is None]


def require_learning() -> None:
    """Raises `Misconfigured`, with the way out, where training is not possible."""
    missing = missing_libraries()
    if missing:
        raise Misconfigured(
            f"this installation cannot train: {', '.join(missing)} not installed. Run `trader train` with the full "
            "installation (pip install 'trader[train]', or the image of target `full`) on the same storage.state_dir "
            "and configuration, then start this one again"
        )
