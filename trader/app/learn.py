"""`trader train`, `tune`, `models` and `download`: history in, models out, each in a process of its own."""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from trader.app.access import known_market_id, locate, refuse_unusable, secrets
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.observability.logs import configure
from trader.service.learning import supply
from trader.service.process import kernels
from trader.service.process.lock import prepare_private

if TYPE_CHECKING:
    from trader.adapters.model_files import ModelFiles
    from trader.service.learning.download import DownloadRequest, Tell, Verified
    from trader.training.tune import TrialDone, TuningReport


def train(
    settings: Settings, *, candles: Path | None = None, is_challenger: bool = False, tuned: str | None = None
) -> int:
    """`trader train`: history from the exchange or from a folder, train, register.

    `tuned` names a search of `trader tune` whose best parameters are used.
    """
    market_id = known_market_id(settings)
    with _learning(settings):
        from trader.service.learning.training import train

        train(settings, market_id, lambda: locate(settings), candles, is_challenger=is_challenger, tuned=tuned)
    return 0


def tune(
    settings: Settings,
    *,
    name: str,
    trials: int,
    workers: int,
    rows: int,
    candles: Path | None,
    on_trial: "TrialDone",
) -> tuple["TuningReport", Path]:
    """`trader tune`: history from the exchange or from a folder, then the search. Returns the report and its file."""
    with _learning(settings):
        from trader.service.learning.tuning import Search, tune

        wanted = Search(name, trials, workers, rows)
        return tune(settings, known_market_id(settings), lambda: locate(settings), candles, wanted, on_trial)


@contextmanager
def _learning(settings: Settings) -> Iterator[None]:
    """Kernels, log and libraries of a process that learns; refuses where it cannot."""
    from trader.service.learning.libraries import require_learning

    require_learning()
    refuse_unusable(settings.model_copy(update={"mode": "paper"}))
    kernels.use_cache(settings)
    output = configure(settings.log, secrets(settings), stream=sys.stderr)
    try:
        yield
    finally:
        output.close()


def model_files(settings: Settings) -> "ModelFiles":
    """`trader models`: the registry of this configuration's market. Raises `Misconfigured` where there is none."""
    from trader.adapters.model_files import ModelFiles

    root = supply.models_dir(settings, known_market_id(settings))
    if not (root / "registry.sqlite").exists():
        raise Misconfigured(f"no models in {root}; make one with `trader train`")
    return ModelFiles(root)


def download(settings: Settings, wanted: "DownloadRequest", tell: "Tell") -> list["Verified"]:
    """`trader download`: candles into the store that training reads. Needs no keys in any mode."""
    refuse_unusable(settings.model_copy(update={"mode": "paper"}))
    prepare_private(settings.storage.state_dir)
    output = configure(settings.log, secrets(settings), stream=sys.stderr)
    try:
        return asyncio.run(_download(settings, wanted, tell))
    finally:
        output.close()


async def _download(settings: Settings, wanted: "DownloadRequest", tell: "Tell") -> list["Verified"]:
    from trader.service.learning.download import download_into

    access = await locate(settings.model_copy(update={"mode": "paper"}))
    return await download_into(settings.storage.state_dir / "candles" / access.market_id, access, wanted, tell)
