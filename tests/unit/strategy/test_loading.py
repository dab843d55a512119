"""Strategies of one's own: loaded, checked, and refused by file and line with what is allowed."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from trader.config import Settings
from trader.config.strategy import StrategySettings
from trader.domain.errors import Misconfigured
from trader.strategy import EmaCross, Ensemble, Strategy
from trader.strategy.loading import load_strategies, load_strategy
from trader.strategy.parameters import with_parameters

GOOD = """
from pydantic import BaseModel, Field

from trader.strategy import Enter, Keep, Leave, Pass, Proposal, Side, Strategy, View, said


class DipBuyer(Strategy):
    class Parameters(BaseModel):
        low: float = Field(30.0, gt=0, lt=100)

    features = ("rsi_14",)
    candles = 3

    def propose(self, view: View) -> Proposal:
        rsi = view.features["rsi_14"]
        if view.holding is not None:
            return Leave(reasons=(said("over"),)) if rsi > 60 else Keep()
        if rsi >= self.parameters.low:
            return Pass(reasons=(said("RSI {rsi:.1f} is not below {low}", rsi=rsi, low=self.parameters.low),))
        return Enter(side=Side.BUY, reasons=(said("dip"),), stop_frac=0.02, risk_frac=0.005)
"""


@pytest.fixture(autouse=True)
def no_module_stays(tmp_path: Path) -> Iterator[None]:
    """What a test wrote and let Python import is forgotten after it."""
    yield
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(tmp_path)):
            del sys.modules[name]


def columns() -> tuple[str, ...]:
    return ("rsi_14", "macd")


def written(folder: Path, text: str, name: str = "own.py") -> Path:
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


def loaded(path: Path, name: str = "DipBuyer", **parameters: object) -> Strategy:
    settings = StrategySettings.model_validate({"class": f"{path}:{name}", "parameters": parameters})
    return load_strategy(settings, columns)


def with_body(body: str, head: str = "") -> str:
    """A strategy whose propose is `body`, from line 6 on when there is no `head`."""
    return (
        f"from trader.strategy import Enter, Pass, Strategy, said\n{head}\n\n"
        f"class DipBuyer(Strategy):\n    def propose(self, view):\n{textwrap.indent(body, ' ' * 8)}\n"
    )


def refusal(path: Path, name: str = "DipBuyer", **parameters: object) -> str:
    with pytest.raises(Misconfigured) as error:
        loaded(path, name, **parameters)
    return str(error.value)


def test_a_class_in_a_file_is_the_strategy_of_every_symbol(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    settings = Settings.model_validate({"strategy": {"class": f"{path}:DipBuyer", "parameters": {"low": 25}}})
    strategies = load_strategies(settings, columns)
    assert list(strategies) == list(settings.exchange.symbols)
    [strategy] = {id(one): one for one in strategies.values()}.values()
    assert (strategy.strategy_id, strategy.parameters.low, strategy.candles) == ("dip-buyer", 25.0, 3)


def test_a_symbol_may_have_a_strategy_of_its_own() -> None:
    own = {"strategy": {"name": "ema-cross", "parameters": {"slow": 30}}}
    other = {"sizing": {"kelly_fraction": 0.25}}
    settings = Settings.model_validate({"symbols": {"ETH/USDT": own, "BTC/USDT": other}})
    strategies = load_strategies(settings, columns)
    assert isinstance(strategies["ETH/USDT"], EmaCross)
    assert strategies["ETH/USDT"].parameters.slow == 30
    assert len({id(one) for symbol, one in strategies.items() if symbol != "ETH/USDT"}) == 1
    assert isinstance(strategies["BTC/USDT"], Ensemble)


def test_what_is_wrong_with_the_strategy_of_a_symbol_is_named_by_its_own_key() -> None:
    own = {"strategy": {"name": "ema-cross", "parameters": {"slow": 99}}}
    with pytest.raises(Misconfigured) as error:
        load_strategies(Settings.model_validate({"symbols": {"ETH/USDT": own}}), columns)
    assert str(error.value).startswith("symbols.ETH/USDT.strategy.parameters.slow: given 99; allowed: a whole number")


def test_the_key_of_a_symbol_is_told_of_a_class_too(tmp_path: Path) -> None:
    own = {"strategy": {"class": f"{written(tmp_path, GOOD)}:DipBuyer", "parameters": {"low": 200}}}
    with pytest.raises(Misconfigured) as error:
        load_strategies(Settings.model_validate({"symbols": {"ETH/USDT": own}}), columns)
    assert str(error.value).startswith("symbols.ETH/USDT.strategy.parameters.low: given 200; allowed: a number above 0")


def test_the_built_in_ones_are_named() -> None:
    usual = StrategySettings()
    ensemble = load_strategy(usual, columns)
    assert isinstance(ensemble, Ensemble)
    assert ensemble.parameters is usual
    cross = load_strategy(StrategySettings.model_validate({"name": "ema-cross", "parameters": {"slow": 30}}), columns)
    assert isinstance(cross, EmaCross)
    assert (cross.strategy_id, cross.parameters.fast, cross.parameters.slow) == ("ema-cross", 12, 30)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (
            {"name": "ema-cross", "parameters": {"slow": 99}},
            "strategy.parameters.slow: given 99; allowed: a whole number",
        ),
        ({"name": "ema-cross", "parameters": {"fast": "x"}}, 'strategy.parameters.fast: given "x"; allowed: a whole'),
        (
            {"name": "ema-cross", "parameters": {"fasst": 3}},
            "strategy.parameters.fasst: unknown key; allowed here: fast,",
        ),
        ({"name": "ema-cross", "parameters": {"fast": 30}}, "strategy.parameters: fast 30 must be below slow 26"),
        (
            {"parameters": {"fast": 30, "slow": 40}},
            "strategy.parameters: given fast, slow; the ensemble's keys stand in `strategy` itself",
        ),
        ({"class": "nowhere.py:Dip"}, "strategy.class: given nowhere.py:Dip; there is no file"),
        (
            {"class": "no-such-point"},
            "strategy.class: given no-such-point; allowed: file.py:Class, or an entry point (",
        ),
    ],
)
def test_what_cannot_be_is_refused_with_key_given_and_allowed(block: dict[str, object], words: str) -> None:
    with pytest.raises(Misconfigured) as error:
        load_strategy(StrategySettings.model_validate(block), columns)
    assert str(error.value).startswith(words)


def test_a_name_and_a_class_exclude_one_another() -> None:
    with pytest.raises(ValueError, match=r"class a.py:B and name ema-cross exclude one another"):
        StrategySettings.model_validate({"name": "ema-cross", "class": "a.py:B"})


def test_parameters_of_an_own_class_are_checked_too(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD)
    assert refusal(path, low=200) == "strategy.parameters.low: given 200; allowed: a number above 0 and below 100"
    assert refusal(path, hight=1).startswith("strategy.parameters.hight: unknown key; allowed here: low")


@pytest.mark.parametrize(
    ("head", "body", "line", "words"),
    [
        ("import time", "return Pass(reasons=())", 2, "imports time: a strategy reads no clock"),
        ("from datetime import datetime", "return Pass(reasons=())", 2, "imports datetime: a strategy reads no clock"),
        ("import random", "return Pass(reasons=())", 2, "imports random: a strategy reads no clock"),
        ("import requests", "return Pass(reasons=())", 2, "imports requests: a strategy reads no clock"),
        ("from os import path", "return Pass(reasons=())", 2, "imports os: a strategy reads no clock"),
        ("from os.path import join", "return Pass(reasons=())", 2, "imports os.path: a strategy reads no clock"),
        ("from .other import low", "return Pass(reasons=())", 2, "imports .other: a strategy reads no clock"),
        ("from . import other", "return Pass(reasons=())", 2, "imports .: a strategy reads no clock"),
        ("import numpy.random", "return Pass(reasons=())", 2, "imports numpy.random: a strategy reads no clock"),
        ("import numpy as np", "np.random.rand()", 6, "uses .random: a strategy reads no clock"),
        ("import numpy as np", "np.load('x')", 6, "uses .load: a strategy reads no clock"),
        ("", "open('x')", 6, "uses open: a strategy reads no clock"),
        ("", "print('hello')", 6, "uses print: a strategy reads no clock"),
        ("", "import socket", 6, "imports socket: a strategy reads no clock"),
        ("", "__import__('time')", 6, "uses __import__: code that is made at run time"),
        ("", "eval('1')", 6, "uses eval: code that is made at run time"),
        ("", "hash('x')", 6, "uses hash: they differ from one process to the next"),
        (
            "",
            "self.last = view",
            6,
            "sets self.last: it keeps nothing between calls; what was before is in view.candles",
        ),
        ("", "self.count += 1", 6, "sets self.count: it keeps nothing between calls"),
        ("COUNT = 0", "global COUNT", 6, "changes the global COUNT: it keeps nothing between calls"),
        ("A = B = 0", "global A, B", 6, "changes the global A, B: it keeps nothing between calls"),
        ("", "().__class__.__subclasses__()", 6, "uses __subclasses__: what is behind it cannot be checked"),
    ],
)
def test_what_it_may_not_do_is_named_by_file_and_line(
    tmp_path: Path, head: str, body: str, line: int, words: str
) -> None:
    path = written(tmp_path, with_body(body, head))
    told = refusal(path)
    assert told.startswith(f"{path}:{line}: {words}")
    is_foreign = words.startswith("imports") and "numpy" not in words
    assert ("the time is view.now_ms" in told) is is_foreign


def test_all_of_it_is_told_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, with_body("open('x')\nprint(1)", "import time"))
    lines = refusal(path).splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{path}:2", f"{path}:6", f"{path}:7"]
    assert [line.split(": ")[1] for line in lines] == ["imports time", "uses open", "uses print"]


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        ("def broken(:\n", "Dip", ":1: invalid syntax"),
        ("x = 1\ny = 1 / 0\n", "Dip", ":2: ZeroDivisionError: division by zero"),
        (GOOD, "Dip", ": Dip is not there; strategies there: DipBuyer"),
        (
            GOOD + "\n\nclass Second(DipBuyer):\n    pass\n",
            "Dip",
            ": Dip is not there; strategies there: DipBuyer, Second",
        ),
        ("class Dip:\n    pass\n", "Dip", ": Dip is no Strategy; strategies there: none"),
        (
            "from trader.strategy import Strategy\nclass Dip(Strategy):\n    pass\n",
            "Dip",
            ": Dip has no propose method",
        ),
        (
            GOOD.replace("rsi_14", "rsi_41"),
            "DipBuyer",
            ":7: features: given rsi_41, which this market does not have; did you",
        ),
        (
            GOOD.replace("candles = 3", "candles = 0"),
            "DipBuyer",
            ":7: candles: given 0; allowed: a whole number from 1 to",
        ),
        (
            GOOD.replace("class DipBuyer", "class Ensemble"),
            "Ensemble",
            ":7: strategy_id 'ensemble' is that of a built-in",
        ),
        (
            GOOD.replace("class DipBuyer", "class Hedge"),
            "Hedge",
            ":7: strategy_id 'hedge' is that of a built-in",
        ),
        (with_body("return 1 / 0"), "DipBuyer", ":6: propose: ZeroDivisionError: division by zero"),
        (
            with_body("return 'buy'"),
            "DipBuyer",
            ":4: class DipBuyer: propose returned str; allowed: Enter, Keep, Leave or",
        ),
    ],
)
def test_what_is_no_strategy_is_refused(tmp_path: Path, text: str, name: str, words: str) -> None:
    path = written(tmp_path, text)
    assert refusal(path, name).startswith(f"{path}{words}")


def test_one_that_remembers_where_the_source_cannot_tell_is_found_by_asking_twice(tmp_path: Path) -> None:
    body = "SEEN.append(1)\nreturn Pass(reasons=(said('{n}', n=len(SEEN)),))"
    path = written(tmp_path, with_body(body, "SEEN = []"))
    assert refusal(path).startswith(f"{path}:4: class DipBuyer: it says two things of one view (close 0): Pass(")


def test_one_that_remembers_the_close_before_is_found_by_asking_backwards(tmp_path: Path) -> None:
    """Asked twice of one view it says the same; asked in another order it does not."""
    body = "SEEN.add(view.candle_open_ms)\nreturn Pass(reasons=(said('{n}', n=len(SEEN)),))"
    path = written(tmp_path, with_body(body, "SEEN = set()"))
    assert "it says two things of one view" in refusal(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "own.py"
    path.write_bytes(b"# caf\xe9\n")
    assert refusal(path) == f"{path}: is not a Python file in UTF-8"


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GOOD, "own.py:old.txt")
    with pytest.raises(Misconfigured) as error:
        loaded(path)
    assert str(error.value) == f"strategy.class: given {path}:DipBuyer; {path} is not a Python file"


def test_a_folder_may_have_a_colon_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a:b"
    folder.mkdir()
    assert loaded(written(folder, GOOD)).strategy_id == "dip-buyer"
    path = written(folder, with_body("return 1 / 0"))
    assert refusal(path).startswith(f"{path}:6: propose: ZeroDivisionError")


def test_the_block_is_strategy_unless_it_is_named() -> None:
    with pytest.raises(Misconfigured, match=r"^strategy\.parameters\.fasst: unknown key"):
        with_parameters(EmaCross, {"fasst": 3})


def test_what_is_made_once_of_the_parameters_may_be_kept(tmp_path: Path) -> None:
    init = "    def __init__(self, parameters):\n        self.parameters = parameters\n        self.low = 3\n\n"
    text = with_body("return Pass(reasons=(said('{n}', n=self.low),))").replace(
        "    def propose", init + "    def propose"
    )
    assert loaded(written(tmp_path, text)).strategy_id == "dip-buyer"
