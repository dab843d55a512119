"""Where searches for parameters are kept, and the best that one of them found."""

from pathlib import Path

import msgspec

from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.service.learning.supply import models_dir
from trader.training.profiles import Profile
from trader.training.tune import TuningReport


def tuned_profile(settings: Settings, market_id: str, name: str) -> Profile:
    """The best profile of the search `name`. Raises `Misconfigured` if there is none."""
    file = search_dir(settings, market_id, name) / "report.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=TuningReport).profile
    except FileNotFoundError:
        known = sorted(path.parent.name for path in file.parent.parent.glob("*/report.json"))
        raise Misconfigured(
            f"no search {name!r} has ended yet; {'known: ' + ', '.join(known) if known else 'run `trader tune` first'}"
        ) from None
    except msgspec.DecodeError as error:
        raise Misconfigured(f"{file} is not a report of this version ({error}); run `trader tune` again") from error


def search_dir(settings: Settings, market_id: str, name: str) -> Path:
    """Where one search keeps its study and report."""
    return models_dir(settings, market_id) / "searches" / name
