"""The shipped files say what the schema says."""

from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from trader.config.describe import allowed, fields_of, knobs
from trader.config.document import render_markdown, render_yaml, yaml_value
from trader.config.exchange import ExchangeSettings
from trader.config.load import load
from trader.config.risk import RiskSettings
from trader.config.schema import Settings
from trader.config.sizing import SizingSettings
from trader.config.yaml_file import read_yaml

ROOT = Path(__file__).parents[3]


def test_the_shipped_file_is_the_defaults_with_every_key_in_order() -> None:
    path = ROOT / "config.yaml"
    assert load(path, environ={}) == Settings()
    listed = list(read_yaml(path).lines)
    assert listed == [knob.path for knob in knobs(Settings())]


def test_generated_files_are_current() -> None:
    hint = "run `python -m trader.config.document`"
    assert (ROOT / "config.yaml").read_text(encoding="utf-8") == render_yaml(), hint
    assert (ROOT / "docs" / "config.md").read_text(encoding="utf-8") == render_markdown(), hint


def test_every_knob_is_explained() -> None:
    for knob in knobs(Settings()):
        if knob.field is not None and not knob.is_block:
            assert knob.field.description, f"{'.'.join(knob.path)} has no docstring in schema.py"


@pytest.mark.parametrize(
    ("block", "key", "words"),
    [
        (ExchangeSettings, "dead_man_s", "a number from 5 to 3600 or null"),
        (SizingSettings, "expected_positions", "a whole number from 1 to 500 or null"),
        (RiskSettings, "funding_exit_bps", "a number from 0 to 1000 or null"),
        (RiskSettings, "hedge_symbol", "a text or null"),
        (RiskSettings, "widest_stop_frac", "a number above 0 and below 1"),
    ],
)
def test_what_is_allowed_is_said_with_its_range(block: type[BaseModel], key: str, words: str) -> None:
    assert allowed(fields_of(block)[key]) == words


def test_values_survive_being_written() -> None:
    for value in (None, True, False, 5, 0.0005, 60.0, "BTC/USDT:USDT", "a: b", "null", "1e3", ("x", "a b")):
        read = yaml.safe_load(yaml_value(value))
        assert read == (list(value) if isinstance(value, tuple) else value)
