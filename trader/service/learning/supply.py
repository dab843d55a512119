"""What must be there before trading starts, made by a child process where it is missing: kernels and a model."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from trader.config.schema import Settings
from trader.domain.errors import Misconfigured, Unavailable
from trader.observability.logs import relay
from trader.service.process import kernels
from trader.service.process.access import MarketAccess
from trader.service.process.children import OnLine, run_child

if TYPE_CHECKING:
    from trader.adapters.model_files import ModelFiles
    from trader.models import CompiledEnsemble

log = structlog.get_logger("supply")

_COMPLAINT = "trader: "  # how a command begins its one line of error
_MISCONFIGURED = 2  # exit code
_LOW, _LOWEST = 10, 19  # niceness: someone waits for it, or nobody does


async def compiled(settings: Settings) -> None:
    """Compile in a child, so that its memory is not ours."""
    cache = kernels.use_cache(settings)
    if not kernels.is_compiled(cache):
        log.info("kernels.compiling", message="once per version, about half a minute")
        await _child(settings, "compile")


async def champion(settings: Settings, access: MarketAccess) -> "CompiledEnsemble":
    """The champion of this market; where there is none that fits, one is trained first."""
    from trader.features import FeatureSet
    from trader.models.artefact import read_manifest

    files, timeframe = model_files(settings, access), settings.market.timeframe
    wanted = FeatureSet.of(settings).hash
    known = files.champion(timeframe)
    if known is None or read_manifest(known).feature_set_hash != wanted:
        why = "none yet" if known is None else "the last one was made for other features"
        log.info("model.missing", message=f"{why}; training a {settings.model.profile} model first")
        await _child(settings, "train")
    model = files.load_champion(timeframe, feature_set_hash=wanted)
    if model is None:
        raise Misconfigured("the training ended without a model; run `trader train` to see why")
    return model


def model_files(settings: Settings, access: MarketAccess) -> "ModelFiles":
    """The models of one market."""
    from trader.adapters.model_files import ModelFiles

    return ModelFiles(models_dir(settings, access.market_id))


def models_dir(settings: Settings, market_id: str) -> Path:
    """Where the models of one market lie."""
    return settings.storage.state_dir / "models" / market_id


async def challenger(settings: Settings, told: OnLine) -> None:
    """Have a challenger trained beside the running daemon: at the lowest priority, within a memory limit."""
    await _child(
        settings, "train", "--challenger", told=told, niceness=_LOWEST, memory_mb=settings.model.retrain_memory_mb
    )


async def _child(
    settings: Settings,
    command: str,
    *more: str,
    told: OnLine | None = None,
    niceness: int = _LOW,
    memory_mb: int = 0,
) -> None:
    """`trader <command>` with exactly these settings; its lines go to `told`, or to our log."""
    file = settings.account_dir / "settings-in-use.json"
    log_settings = settings.log.model_copy(update={"format": "json", "file": None})  # it talks to us, not to a person
    asked = settings.model_copy(update={"log": log_settings})
    file.write_text(json.dumps(asked.model_dump(mode="json"), indent=1))
    complaints: list[str] = []
    last = "nothing"

    def heard(line: str) -> None:
        nonlocal last
        last = line
        if line.startswith(_COMPLAINT):
            complaints.append(line.removeprefix(_COMPLAINT))
        elif told is not None:
            told(line)
        else:
            relay(line, f"{command}.progress")

    arguments = ["trader", command, *more, "--config", str(file)]
    code = await run_child(arguments, heard, niceness=niceness, memory_mb=memory_mb)
    if code:
        said = "\n".join(complaints) or f"`trader {command}` ended with exit code {code}; its last line: {last}"
        raise Misconfigured(said) if code == _MISCONFIGURED else Unavailable(said)
