"""What a strategy of one's own may ask for, and what it is told when that does not exist."""

from pathlib import Path

import pytest

from tests.unit.strategy.test_loading import GOOD, loaded, refusal, with_body, written
from trader.config.strategy import StrategySettings
from trader.domain.errors import Misconfigured
from trader.strategy.loading import load_strategy


@pytest.mark.parametrize(
    ("asked", "hint"),
    [
        ('"rsi_1", "zzz"', "given rsi_1, zzz, which this market does not have; did you mean "),
        ('"zzz"', "given zzz, which this market does not have; allowed: the names of `trader features`"),
    ],
)
def test_a_feature_that_is_not_there_is_told_with_three_that_are_near(tmp_path: Path, asked: str, hint: str) -> None:
    path = written(tmp_path, GOOD.replace('"rsi_14",)', f"{asked},)"))
    there = ("rsi_7", "rsi_14", "rsi_21", "rsi_28", "macd")
    with pytest.raises(Misconfigured) as error:
        load_strategy(StrategySettings.model_validate({"class": f"{path}:DipBuyer"}), lambda: there)
    told = str(error.value)
    assert told.startswith(f"{path}:7: features: {hint}")
    near = told.partition("did you mean ")[2].rstrip("?").split(" or ")
    assert len(near) == (3 if "rsi_1" in asked else 1)
    assert set(near) <= {*there, ""}


@pytest.mark.parametrize(("candles", "is_taken"), [(5_000, True), (5_001, False)])
def test_how_many_candles_may_be_asked_for(tmp_path: Path, candles: int, is_taken: bool) -> None:
    path = written(tmp_path, GOOD.replace("candles = 3", f"candles = {candles}"))
    if is_taken:
        assert loaded(path).candles == candles
    else:
        assert refusal(path).endswith(f"candles: given {candles}; allowed: a whole number from 1 to 5000")


def test_every_wrong_parameter_has_a_line(tmp_path: Path) -> None:
    assert refusal(written(tmp_path, GOOD), low=200, hight=1, width=2).splitlines() == [
        "strategy.parameters.hight: unknown key; allowed here: low",
        "strategy.parameters.width: unknown key; allowed here: low",
        "strategy.parameters.low: given 200; allowed: a number above 0 and below 100",
    ]
    none = written(tmp_path, with_body("return Pass(reasons=())"), "none.py")
    assert refusal(none, low=1, high=2).splitlines() == [
        "strategy.parameters.low: unknown key; allowed here: none",
        "strategy.parameters.high: unknown key; allowed here: none",
    ]
    needed = written(tmp_path, GOOD.replace("Field(30.0, gt=0, lt=100)", "Field(gt=0, lt=100)"), "needed.py")
    assert refusal(needed) == "strategy.parameters.low is missing; allowed: a number above 0 and below 100"
