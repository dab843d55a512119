"""What `trader doctor` asks of the state directory: nothing is made or changed by looking."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from trader.adapters.ledger import has_ledger, ledger_path, open_ledger
from trader.adapters.parquet.recording_files import days, size_of
from trader.adapters.parquet.recordings import LOSSES, Recording
from trader.clock import wall_ms
from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.domain.reasons import told
from trader.domain.signals import ModelVerdict
from trader.engine.state.remembered import require_usable
from trader.service.doctor.finding import Finding, failed, passed, warned
from trader.service.learning.libraries import missing_libraries
from trader.service.process import kernels
from trader.service.process.lock import holder
from trader.service.process.places import recordings_path
from trader.strategy.loading import load_strategies

_ENOUGH_BYTES, _LEAST_BYTES = 2_000_000_000, 200_000_000


def examine_state(settings: Settings, market_id: str) -> Iterator[Finding]:
    """Directory, disk, ledger, lock, kernels, log file, recordings, strategy, model."""
    directory = settings.storage.state_dir
    looks: tuple[tuple[str, Callable[[], Finding]], ...] = (
        ("state directory", lambda: state_directory(directory)),
        ("disk", lambda: free_disk(directory, shutil.disk_usage(_existing(directory)).free)),
        ("ledger", lambda: ledger(settings)),
        ("lock holder", lambda: lock_holder(settings.account_dir)),
        ("kernels", lambda: compiled_kernels(settings)),
        ("log file", lambda: log_file(settings.log.file)),
        ("recordings", lambda: recordings(settings)),
        ("strategy", lambda: strategy(settings)),
        ("model", lambda: model(settings, market_id)),
    )
    for name, look in looks:
        try:
            yield look()
        except OSError as error:  # one thing that cannot be looked at hides no other
            cure = "look at that path; run as the user that runs the daemon"
            yield failed(name, f"{error.filename or directory}: {error.strerror}", cure)


def state_directory(directory: Path) -> Finding:
    name = "state directory"
    if not directory.exists():
        parent = _existing(directory)
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            return passed(name, f"{directory}: not there yet, the first start makes it")
        return failed(name, f"{directory}: cannot be made in {parent}", "make it, or set storage.state_dir elsewhere")
    status = directory.stat()
    if not directory.is_dir():
        return failed(name, f"{directory}: is not a directory", "set storage.state_dir to one")
    if status.st_uid != os.geteuid():
        found = f"{directory}: belongs to user {status.st_uid}, this is user {os.geteuid()}"
        return failed(name, found, "run as its owner, or set storage.state_dir elsewhere")
    if not os.access(directory, os.R_OK | os.W_OK | os.X_OK):
        return failed(
            name, f"{directory}: not writable", f"chmod 700 {directory}; check that its disk is not read-only"
        )
    if status.st_mode & 0o077:
        return warned(name, f"{directory}: others may read it ({status.st_mode & 0o777:o})", f"chmod 700 {directory}")
    return passed(name, f"{directory}: writable, closed to others")


def free_disk(directory: Path, free: int) -> Finding:
    found = f"{free / 1e9:,.1f} GB free for {directory}"
    if free < _LEAST_BYTES:
        return failed("disk", found, "free some: the ledger stops the daemon when it cannot be written")
    if free < _ENOUGH_BYTES:
        return warned("disk", found, "free some: 2 GB leave room for candles, models and logs")
    return passed("disk", found)


def ledger(settings: Settings) -> Finding:
    path = ledger_path(settings)
    if not has_ledger(settings):
        return passed("ledger", f"{path}: none yet, the first start makes it")
    try:
        with contextlib.closing(open_ledger(settings)) as reader:
            state, reasons = reader.trading_state()
            held = len(reader.positions())
            remembered = reader.recovered()
    except (Misconfigured, DBAPIError) as error:
        return failed("ledger", str(error).splitlines()[0], "keep the file, restore a backup: docs/operations.md")
    try:
        require_usable(remembered, settings)
    except Misconfigured as error:
        return failed("ledger", str(error).splitlines()[0], "docs/operations.md, Troubleshooting; keep the file")
    found = f"{path}: {held} open position{'' if held == 1 else 's'}, {state}"
    if reasons:
        cure = "docs/operations.md, When it does not trade: what clears by itself, and what waits for `trader resume`"
        return warned("ledger", f"{found} ({told(reasons, ', ')})", cure)
    return passed("ledger", found)


def lock_holder(account_dir: Path) -> Finding:
    pid = holder(account_dir)
    return passed("lock holder", "no daemon is running" if pid is None else f"the daemon is running as process {pid}")


def compiled_kernels(settings: Settings) -> Finding:
    cache = kernels.cache_of(settings)
    if kernels.is_compiled(cache):
        return passed("kernels", "compiled for this version and machine")
    return warned(
        "kernels", "not compiled for this version and machine", "`trader compile`; else the start waits for it"
    )


def log_file(path: Path | None) -> Finding:
    if path is None:
        return passed("log file", "none configured: standard output only")
    parent = _existing(path.parent)
    is_writable = os.access(path, os.W_OK) if path.exists() else os.access(parent, os.W_OK | os.X_OK)
    if is_writable and parent.is_dir() and not path.is_dir():
        return passed("log file", f"{path}: writable")
    return failed("log file", f"{path}: not writable", "change its owner, or set log.file elsewhere")


def recordings(settings: Settings) -> Finding:
    """What is recorded, whether there is room for more, and whether something is missing."""
    name, wanted, root = "recordings", settings.recorder, recordings_path(settings)
    if not wanted.enabled:
        return passed(name, "switched off (recorder.enabled)")
    if shutil.disk_usage(_existing(root)).free < wanted.keep_free_gb * 1e9:
        found = f"paused: less than recorder.keep_free_gb {wanted.keep_free_gb:g} GB is free"
        return warned(name, found, "free some disk, or lower recorder.keep_free_gb; trading goes on without it")
    recording, size = Recording(root), size_of(root)
    count = len(days(root))
    found = f"{count} day{'' if count == 1 else 's'}, {size / 1e9:,.2f} of {wanted.max_disk_gb:g} GB in {root}"
    losses = recording.losses()
    if lost := sum(loss.count or 0 for loss in losses):
        cure = f"{root / LOSSES} says where; look for `recorder.` lines in the log: slow or full disk, killed process"
        return warned(name, f"{found}; {lost:,} market inputs are missing", cure)
    return passed(name, found)


def strategy(settings: Settings) -> Finding:
    """Whether every symbol's strategy can be made, and whether the gate lets it trade."""
    try:
        chosen = load_strategies(settings, lambda: _columns(settings))
    except Misconfigured as error:
        return failed("strategy", str(error).splitlines()[0], "docs/strategies.md has the checks, one by one")
    found = ", ".join(sorted({one.strategy_id for one in chosen.values()}))
    from trader.service.verdicts import judged, rules

    lacking = [each for each in judged(settings, rules(chosen), wall_ms()) if each.verdict is not ModelVerdict.TRADE]
    if not lacking:
        return passed("strategy", found)
    what = "; ".join(f"{each.strategy_id} observes: {told(each.reasons, ', ')}" for each in lacking)
    if settings.model.gate != "enforce":
        return passed("strategy", f"{found} ({what}; trades with model.gate: warn)")
    cure = "it trades on paper with model.gate: warn, which makes its record; see docs/strategies.md"
    return warned("strategy", f"{found} ({what})", cure)


def _columns(settings: Settings) -> tuple[str, ...]:
    _use_kernels(settings)
    from trader.features import FeatureSet

    return FeatureSet.of(settings).columns


def _use_kernels(settings: Settings) -> None:
    if (cache := kernels.cache_of(settings)).is_dir():
        # numba would look for a place beside the source, which an installation may not allow
        os.environ.setdefault("NUMBA_CACHE_DIR", str(cache))


def model(settings: Settings, market_id: str) -> Finding:
    """The champion of this market and timeframe, its verdict, and whether it fits the features."""
    if not _needs_model(settings):
        return passed("model", "none needed: no strategy goes by forecasts")
    timeframe, root = settings.market.timeframe, settings.storage.state_dir / "models" / market_id
    nothing = f"none yet for {market_id} {timeframe}"
    if not (root / "registry.sqlite").is_file():
        return _no_model(nothing)
    _use_kernels(settings)
    from trader.adapters.model_files import ModelFiles
    from trader.features import FeatureSet

    try:
        files = ModelFiles(root)
        chosen = files.champion_id(timeframe)
        if chosen is None:
            return _no_model(nothing)
        wanted = FeatureSet.of(settings).hash
        row = next(row for row in files.list() if row.model_id == chosen)
        if row.manifest.feature_set_hash != wanted:
            return _no_model(f"{chosen} was made for other features")
        files.load(chosen, feature_set_hash=wanted)
    except (Misconfigured, DBAPIError) as error:
        return failed("model", str(error).splitlines()[0], "`trader train` makes a new one")
    found = f"{chosen} of {market_id}: {row.info.verdict}"
    if row.info.verdict is ModelVerdict.TRADE:
        return passed("model", found)
    cure = "it decides and records but trades only with model.gate: warn; see docs/models.md"
    return warned("model", f"{found} ({told(row.info.reasons, ', ')})", cure)


def _needs_model(settings: Settings) -> bool:
    try:
        return any(one.needs_forecast for one in load_strategies(settings, lambda: _columns(settings)).values())
    except Misconfigured:
        return True  # told as the strategy's own finding


def _no_model(found: str) -> Finding:
    if missing_libraries():
        cure = "this installation cannot train: run `trader train` with the full one on the same storage.state_dir"
        return failed("model", found, cure)
    return warned("model", found, "the start trains one first; or `trader train`")


def _existing(path: Path) -> Path:
    """`path` or the nearest directory above it that exists."""
    here = path.absolute()
    while not here.exists():
        here = here.parent
    return here
