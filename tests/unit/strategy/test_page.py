"""docs/strategies.md begins with an example that runs as it stands, and names what there is."""

import re
from pathlib import Path

import pytest

from tests.kit.pages import DOCS, shown_files
from trader.config.load import load
from trader.features import COLUMNS
from trader.strategy import Enter, Holding, Keep, View
from trader.strategy.ema_cross import EmaCrossParameters
from trader.strategy.loading import load_strategies

PAGE = (DOCS / "strategies.md").read_text()


def test_the_example_is_loaded_and_checked_by_its_own_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in shown_files("strategies.md").items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    settings = load(tmp_path / "config.yaml", environ={})
    strategies = load_strategies(settings, lambda: COLUMNS)
    assert list(strategies) == ["BTC/USDT", "ETH/USDT", "SOL/USDT"]
    strategy = strategies["BTC/USDT"]
    assert (strategy.strategy_id, strategy.parameters.low, strategy.parameters.high) == ("dip-buyer", 40.0, 60.0)


def test_every_field_of_a_view_and_of_a_holding_is_described() -> None:
    cells = set(re.findall(r"`(\w+)`", PAGE))
    assert {*View.__struct_fields__, "closes"} <= cells
    assert set(Holding.__struct_fields__) <= cells


def test_every_number_that_a_proposal_may_state_is_described() -> None:
    cells = set(re.findall(r"`(\w+)`", PAGE))
    assert set(Enter.__struct_fields__) - {"side", "reasons"} <= cells
    assert {"until_ms", "stop_price", "add"} <= set(Keep.__struct_fields__)
    assert "`Keep(until_ms, stop_price, add)`" in PAGE


def test_every_parameter_of_the_built_in_rule_is_named() -> None:
    assert all(f"`{name}`" in PAGE for name in EmaCrossParameters.model_fields)
