"""What `trader doctor` asks of the machine and of the installation. Nothing heavy is loaded into this process."""

import json
import platform
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import trader
from trader.service.doctor.finding import Finding, failed, passed, warned
from trader.service.learning.libraries import LEARNING_LIBRARIES, missing_libraries

LIVE_LIBRARIES = (
    "aiohttp", "asyncio_throttle", "ccxt.pro", "msgspec", "numba", "numpy", "orjson", "pandas", "pyarrow", "pydantic",
    "yaml", "rich", "sqlalchemy", "stamina", "structlog", "trustme", "typer", "uvloop",
)  # fmt: skip
_OLDEST = (3, 11)
_IMPORT_WAIT_S = 60.0
_TRY_IMPORTS = """
import importlib, json, sys
failed = {}
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except (ImportError, OSError) as error:
        failed[name] = str(error).splitlines()[0] if str(error) else type(error).__name__
print(json.dumps(failed))
"""
_LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def examine_machine() -> Iterator[Finding]:
    """Python, platform, libraries."""
    yield python_version(sys.version_info[:3])
    yield platform_name(sys.platform)
    live = [name for name in LIVE_LIBRARIES if name != "uvloop" or sys.platform != "win32"]
    has_lightgbm = "lightgbm" not in missing_libraries()
    with ThreadPoolExecutor(2) as pool:
        imports = pool.submit(import_failures, live)
        learning = pool.submit(import_failures, ["lightgbm"]) if has_lightgbm else None
        yield libraries(len(live), imports.result())
        yield learning_libraries(missing_libraries(), learning.result() if learning else {})
    yield locked_versions(Path(trader.__file__).parent.parent / "scripts" / "requirements")


def python_version(found: Sequence[int]) -> Finding:
    text = ".".join(str(part) for part in found)
    if tuple(found[:2]) >= _OLDEST:
        return passed("python", f"{text}, {sys.executable}")
    return failed("python", f"{text} is too old", "install Python 3.11 or newer; TRADER_PYTHON tells scripts/run which")


def platform_name(system: str) -> Finding:
    found = f"{platform.platform(terse=True)}, {platform.machine()}"
    if system == "linux":
        return passed("platform", found)
    if system == "darwin":
        return warned("platform", found, "fine for trying out; what runs unattended is tested on Linux")
    return failed("platform", found, "run on Linux, or on Windows inside WSL 2")


def import_failures(names: Sequence[str]) -> dict[str, str]:
    """Which modules a child process cannot import, and why."""
    command = [sys.executable, "-c", _TRY_IMPORTS, *names]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_WAIT_S, check=False)
    except subprocess.TimeoutExpired:
        return dict.fromkeys(names, f"not imported within {_IMPORT_WAIT_S:.0f} s")
    except OSError as error:
        return dict.fromkeys(names, f"{sys.executable}: {error.strerror}")
    if done.returncode:
        said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        return dict.fromkeys(names, said)
    failures: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return failures


def libraries(tried: int, failures: dict[str, str]) -> Finding:
    if not failures:
        return passed("libraries", f"all {tried} that trading needs can be imported")
    told = "; ".join(f"{name}: {why}" for name, why in failures.items())
    return failed("libraries", told, "install the locked set again: remove .venv and call scripts/run")


def learning_libraries(missing: Sequence[str], failures: dict[str, str]) -> Finding:
    """LightGBM is the one that needs more than its wheel: libgomp1."""
    why = failures.get("lightgbm", "")
    if "libgomp" in why:
        return failed("learning", f"LightGBM: {why}", "install the system library: apt-get install libgomp1")
    if why:
        return failed("learning", f"LightGBM: {why}", "install the locked set again: remove .venv and call scripts/run")
    if missing:
        cure = "enough to trade; `trader train` needs pip install 'trader[train]' or the image of target `full`"
        return warned("learning", f"this installation cannot train: {', '.join(missing)} not installed", cure)
    return passed("learning", f"{len(LEARNING_LIBRARIES)} libraries installed; LightGBM loads (libgomp)")


def locked_versions(requirements: Path) -> Finding:
    """Installed versions against the lock beside the source; packages that are not installed are not judged here."""
    lock = requirements / "run.txt"
    try:
        allowed: dict[str, set[str]] = {}
        for name, wanted in _LOCKED.findall(lock.read_text()):
            allowed.setdefault(name, set()).add(wanted)
    except FileNotFoundError:
        return passed("lock", "no lock beside this installation: it was made from one when it was built")
    installed = {name: found for name in allowed if (found := _installed(name)) is not None}
    other = [f"{name} {found}" for name, found in sorted(installed.items()) if found not in allowed[name]]
    if not other:
        return passed("lock", f"{len(installed)} installed packages are those of {lock.name}")
    more = f" and {len(other) - 5} more" if len(other) > 5 else ""
    found = f"{', '.join(other[:5])}{more}: not what {lock.name} says"
    return warned("lock", found, "remove .venv and call scripts/run, so that what was tested is what runs")


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
