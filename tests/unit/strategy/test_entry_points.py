"""A strategy that an installed package names, found by its entry point."""

import importlib.metadata
from pathlib import Path

import pytest

from tests.unit.strategy.test_loading import GOOD, columns
from trader.config.strategy import StrategySettings
from trader.domain.errors import Misconfigured
from trader.strategy.loading import load_strategy


def with_points(monkeypatch: pytest.MonkeyPatch, **points: str) -> None:
    """As if packages were installed that name these."""
    found = [importlib.metadata.EntryPoint(name, value, "trader.strategies") for name, value in points.items()]
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: {"trader.strategies": found}[group])


@pytest.mark.parametrize(
    ("points", "listed"), [({}, "none is installed"), ({"b": "m.b:B", "a": "m.a:A"}, "a, b")], ids=["none", "two"]
)
def test_the_entry_points_there_are_are_listed(
    monkeypatch: pytest.MonkeyPatch, points: dict[str, str], listed: str
) -> None:
    with_points(monkeypatch, **points)
    with pytest.raises(Misconfigured) as error:
        load_strategy(StrategySettings.model_validate({"class": "c"}), columns)
    allowed = f"file.py:Class, or an entry point ({listed})"
    assert str(error.value) == f"strategy.class: given c; allowed: {allowed}"


def test_an_entry_point_to_what_is_not_installed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_points(monkeypatch, dip="not_installed_at_all:Dip")
    with pytest.raises(Misconfigured) as error:
        load_strategy(StrategySettings.model_validate({"class": "dip"}), columns)
    assert str(error.value) == "strategy.class: given dip; its module not_installed_at_all is not installed"


def test_an_entry_point_that_names_no_class_is_refused_with_those_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lone_dips.py").write_text(GOOD)
    monkeypatch.syspath_prepend(str(tmp_path))
    with_points(monkeypatch, dip="lone_dips")
    with pytest.raises(Misconfigured) as error:
        load_strategy(StrategySettings.model_validate({"class": "dip"}), columns)
    assert str(error.value) == f"{tmp_path / 'lone_dips.py'}: names no class; strategies there: DipBuyer"


def test_an_installed_one_may_import_all_of_its_own_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "dippers" / "long"
    inner.mkdir(parents=True)
    (tmp_path / "dippers" / "__init__.py").write_text("LOW = 30.0\n")
    (inner / "__init__.py").write_text("")
    (inner / "levels.py").write_text("HIGH = 60.0\n")
    imports = "from dippers import LOW\nfrom .levels import HIGH\nfrom . import levels\nfrom pydantic"
    (inner / "buyer.py").write_text(GOOD.replace("from pydantic", imports))
    monkeypatch.syspath_prepend(str(tmp_path))
    with_points(monkeypatch, dip="dippers.long.buyer:DipBuyer")
    assert load_strategy(StrategySettings.model_validate({"class": "dip"}), columns).strategy_id == "dip-buyer"


def test_an_installed_one_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "dips"
    package.mkdir()
    (package / "__init__.py").write_text("LOW = 30.0\n")
    (package / "buyer.py").write_text(GOOD.replace("from pydantic", "from dips import LOW\nfrom pydantic"))
    monkeypatch.syspath_prepend(str(tmp_path))
    point = importlib.metadata.EntryPoint("dip", "dips.buyer:DipBuyer", "trader.strategies")
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: {"trader.strategies": [point]}[group])
    settings = StrategySettings.model_validate({"class": "dip"})
    assert load_strategy(settings, columns).strategy_id == "dip-buyer"
    (package / "buyer.py").write_text("import time\n" + GOOD)
    with pytest.raises(Misconfigured, match=r"buyer.py:1: imports time"):
        load_strategy(settings, columns)
