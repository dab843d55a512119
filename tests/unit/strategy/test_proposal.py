"""What a strategy may say: numbers that no position can have are refused with what is allowed."""

import math

import pytest

from trader.domain.reasons import Code
from trader.strategy import Enter, Keep, Side, said


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        *(("stop_frac", value, "between 0 and 1") for value in (0.0, 1.0, 1.5, -0.1, math.nan)),
        *(("target_frac", value, "above 0") for value in (0.0, -0.1, math.inf, math.nan)),
        *(("risk_frac", value, "above 0, at most 1") for value in (0.0, 1.5, -0.1, math.nan)),
        *(("edge_frac", value, "a finite number") for value in (math.inf, math.nan)),
        *(("size_multiplier", value, "0 or more") for value in (-0.1, math.inf, math.nan)),
    ],
)
def test_what_no_entry_can_have_is_refused(name: str, value: float, allowed: str) -> None:
    with pytest.raises(ValueError, match=r"out of range") as error:
        Enter(side=Side.BUY, **{name: value})  # type: ignore[arg-type]  # one of the numbers
    assert str(error.value) == f"{name} {value} is out of range; allowed: {allowed}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stop_frac", 0.999),
        ("target_frac", 0.001),
        ("target_frac", 5.0),
        ("risk_frac", 1.0),
        ("edge_frac", -0.1),
        ("size_multiplier", 0.0),
        ("size_multiplier", 0.5),
    ],
)
def test_what_an_entry_can_have_is_taken(name: str, value: float) -> None:
    enter = Enter(side=Side.BUY, **{name: value})  # type: ignore[arg-type]  # one of the numbers
    assert getattr(enter, name) == value


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_stop_must_have_a_price(value: float) -> None:
    with pytest.raises(ValueError, match=r"out of range") as error:
        Keep(stop_price=value)
    assert str(error.value) == f"stop_price {value} is out of range; allowed: above 0"
    assert Keep(stop_price=0.5).stop_price == 0.5


def test_a_reason_in_its_own_words_keeps_its_numbers() -> None:
    reason = said("RSI {rsi:.1f} is below {low}", rsi=28.41, low=30)
    assert (reason.code, str(reason)) == (Code.SAID, "RSI 28.4 is below 30")
    assert dict(reason.numbers) == {"rsi": 28.41, "low": 30}
