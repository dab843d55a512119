"""What the running daemon has loaded: no learning library, no data frames."""

from pathlib import Path

import pytest

from tests.scenario.conftest import MakeDaemon

pytestmark = pytest.mark.scenario

FORBIDDEN = {"lightgbm", "xgboost", "catboost", "sklearn", "optuna", "scipy", "pandas", "pyarrow"}
# `trader` as always, which tells at its end what it has imported; the program itself has no such door
TELLING = """
import atexit, sys
from pathlib import Path
atexit.register(lambda: Path("modules.txt").write_text("\\n".join(n for n, m in sys.modules.items() if m)))
from trader.cli import main
main()
"""


@pytest.mark.parametrize("mode", ["paper", pytest.param("live", marks=pytest.mark.slow)])
def test_a_daemon_that_trades_has_no_learning_library(make_daemon: MakeDaemon, mode: str) -> None:
    daemon = make_daemon({"mode": mode, "execution": {"algorithm": "market"}, "recorder": {"enabled": True}})
    daemon.start(launcher=("-c", TELLING))
    daemon.wait_for("fill.booked")
    daemon.ask("decisions", limit=5)
    mapped = {part for line in Path(f"/proc/{daemon.pid}/maps").read_text().splitlines() for part in line.split("/")}
    assert "numpy" in mapped  # compiled parts do show up here
    assert mapped & FORBIDDEN == set()
    assert daemon.terminate() == 0
    imported = {name.partition(".")[0] for name in (daemon.directory / "modules.txt").read_text().split()}
    assert {"trader", "numba", "ccxt"} <= imported
    assert imported & FORBIDDEN == set()
