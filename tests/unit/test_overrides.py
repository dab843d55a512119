"""What a person says of one symbol: it adds up to the most restrictive, and only `clear` takes it back."""

import msgspec
import pytest

from trader.domain.overrides import AS_USUAL, Override, OverrideAsked

NOW_MS = 1_700_000_000_000


def said(*asked: dict[str, object]) -> Override:
    found = AS_USUAL
    for number, each in enumerate(asked):
        found = found.after(msgspec.convert({"symbol": "BTC/USDT", **each}, OverrideAsked), "uid 0", NOW_MS + number)
    return found


@pytest.mark.parametrize(
    ("asked", "factor", "stance", "words"),
    [
        ((), 1.0, "trade", ""),
        (({"factor": 0.5},), 0.5, "trade", "size x 0.5"),
        (({"factor": 0.5}, {"factor": 0.8}), 0.5, "trade", "size x 0.5"),
        (({"factor": 0.5}, {"factor": 0.2}), 0.2, "trade", "size x 0.2"),
        (({"factor": 0.5}, {"stance": "reduce-only"}), 0.5, "reduce-only", "reduce-only"),
        (({"stance": "ban"}, {"stance": "reduce-only"}), 1.0, "ban", "ban"),
        (({"stance": "reduce-only"}, {"stance": "close"}), 1.0, "close", "close"),
        (({"stance": "close"}, {"stance": "trade"}), 1.0, "close", "close"),
        (({"stance": "close"}, {"stance": "ban"}), 1.0, "ban", "ban"),
        (({"stance": "ban", "factor": 0.1}, {"clear": True}), 1.0, "trade", ""),
        (({"stance": "ban"}, {"clear": True, "factor": 0.3}), 0.3, "trade", "size x 0.3"),
        (({"factor": 0.5}, {"unlock": True}), 0.5, "trade", "size x 0.5"),
    ],
)
def test_the_most_restrictive_holds(
    asked: tuple[dict[str, object], ...], factor: float, stance: str, words: str
) -> None:
    found = said(*asked)
    assert (found.factor, found.stance, found.words) == (factor, stance, words)


def test_who_said_it_last_and_when_is_remembered() -> None:
    found = said({"factor": 0.5}, {"stance": "close"})
    assert (found.by, found.since_ms, found.unlocked_ms) == ("uid 0", NOW_MS + 1, 0)


def test_unlocking_is_remembered_through_a_clear() -> None:
    assert said({"unlock": True}, {"clear": True}).unlocked_ms == NOW_MS
    assert said({"unlock": True}, {"clear": True, "unlock": True}).unlocked_ms == NOW_MS + 1


@pytest.mark.parametrize(
    ("asked", "is_empty"),
    [((), True), (({"factor": 0.5},), False), (({"stance": "ban"},), False), (({"unlock": True},), False),
     (({"stance": "ban"}, {"clear": True}), True)],
)  # fmt: skip
def test_nothing_said_is_nothing_to_remember(asked: tuple[dict[str, object], ...], is_empty: bool) -> None:
    assert said(*asked).is_empty is is_empty


@pytest.mark.parametrize("factor", [-0.1, 1.1, float("nan")])
def test_a_factor_is_between_0_and_1(factor: float) -> None:
    with pytest.raises(ValueError, match="allowed: 0 to 1"):
        OverrideAsked("BTC/USDT", factor=factor)
    assert OverrideAsked("BTC/USDT", factor=0.0).factor == 0
    assert OverrideAsked("BTC/USDT", factor=1.0).factor == 1


def test_something_must_be_asked() -> None:
    with pytest.raises(ValueError, match="nothing is asked for"):
        OverrideAsked("BTC/USDT")
