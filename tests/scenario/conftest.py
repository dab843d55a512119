"""One quick model for all scenarios, and daemons that always end."""

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.kit.daemon import Daemon

Config = Mapping[str, Any]
MakeDaemon = Callable[..., Daemon]

# A market with a strong predictable part and a strategy that takes any edge above costs: orders come within seconds.
EAGER: dict[str, Any] = {
    "mode": "live",
    "exchange": {"symbols": ["BTC/USDT", "ETH/USDT", "SOL/USDT"]},
    "sandbox": {"seed": 11, "edge": 3.0, "idle_exit_s": 20.0},
    "strategy": {"require_confirmation": False, "minimum_edge_bps": 0.0},
    "recorder": {"enabled": False},
}
# The same on perpetuals, in both directions.
PERPETUAL: dict[str, Any] = {
    "exchange": {"market": "perpetual"},
    "sandbox": {"speed": 120.0},
    "model": {"training_candles": 2_000},
}
# The market goes on so slowly that no machine is too slow for it. A sandbox keeps its account when its speed changes.
STANDSTILL: dict[str, Any] = {"sandbox": {"speed": 1.0}}


def merged(base: Config, over: Config) -> dict[str, Any]:
    """`base` with the sections of `over` merged into its own."""
    both = {**base, **over}
    shared = [key for key in over if isinstance(base.get(key), Mapping) and isinstance(over[key], Mapping)]
    return {**both, **{key: {**base[key], **over[key]} for key in shared}}


def prepared(factory: pytest.TempPathFactory, name: str, config: Config) -> Path:
    """A state directory with compiled kernels and a quick model of the market of `config`.

    Made once for all processes that run the tests side by side.
    """
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    daemon = Daemon(shared / name, config)
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / f"{name}.done").exists():
            try:
                for command in ("compile", "train"):
                    done = daemon.run_command(command)
                    assert done.returncode == 0, done.stderr
            finally:
                daemon.close()
            (shared / f"{name}.done").touch()
    return daemon.state_dir


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the market of `EAGER`."""
    return prepared(tmp_path_factory, "trained", EAGER)


@pytest.fixture(scope="session")
def trained_perpetual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For the market of `PERPETUAL`."""
    return prepared(tmp_path_factory, "trained-perpetual", merged(EAGER, PERPETUAL))


@pytest.fixture
def make_daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeDaemon]:
    """`make_daemon({"mode": "paper"}, name="a")`: a daemon of `EAGER` and these changes.

    `parts` are taken from the trained directory of its market; without "models" it trains for itself.
    """
    made: list[Daemon] = []

    def make(
        over: Config | None = None, *, name: str = "daemon", parts: Sequence[str] = ("kernels", "models")
    ) -> Daemon:
        daemon = Daemon(tmp_path / name, merged(EAGER, over or {}))
        made.append(daemon)
        daemon.state_dir.mkdir(mode=0o700)
        kind = "trained_perpetual" if daemon.settings.exchange.market == "perpetual" else "trained"
        trained: Path = request.getfixturevalue(kind)
        for part in parts:
            (daemon.state_dir / part).symlink_to(trained / part)
        return daemon

    try:
        yield make
    finally:
        for daemon in made:
            daemon.close()
