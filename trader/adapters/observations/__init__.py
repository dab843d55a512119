"""Sources of observations, one file each. The file is called as the source is, and has

- `live(feed, settings)`: the source of a running daemon, and of a training on the exchange's history,
- `recorded(folder)`: the same from a folder of recorded files, for a training on those.
"""

from importlib import import_module
from pathlib import Path

from trader.config.schema import Settings
from trader.ports import MarketFeed, ObservationSource


def live_source(name: str, feed: MarketFeed, settings: Settings) -> ObservationSource:
    """The source called `name`. Loads no other one."""
    made: ObservationSource = import_module(f"{__name__}.{name}").live(feed, settings)
    return made


def recorded_source(name: str, folder: Path) -> ObservationSource:
    """The source called `name` from recorded files; without them it says nothing."""
    made: ObservationSource = import_module(f"{__name__}.{name}").recorded(folder)
    return made
