"""A symbol and a time as a person writes them; what cannot be found is answered with what can."""

from pathlib import Path

import pytest

from tests.kit.situations import MINUTE_MS, Scene, a_scene, coins
from tests.unit.service.explaining.told import ledger_of
from trader.domain.errors import Rejected
from trader.service.explaining.finding import NoSuchTime, find, known_symbol, moment_of

NEWEST_MS = 1_763_907_300_000  # 2025-11-23 14:15:00 UTC
HOUR_MS = 60 * MINUTE_MS


@pytest.mark.parametrize(
    ("text", "wanted_ms"),
    [
        ("14:15", NEWEST_MS),
        ("14:15:00", NEWEST_MS),
        ("9:05", NEWEST_MS - 5 * HOUR_MS - 10 * MINUTE_MS),
        ("14:16", NEWEST_MS + MINUTE_MS - 24 * HOUR_MS),  # not yet today
        ("-2h", NEWEST_MS - 2 * HOUR_MS),
        ("-90s", NEWEST_MS - 90_000),
        ("-1.5m", NEWEST_MS - 90_000),
        ("1d", NEWEST_MS - 24 * HOUR_MS),
        ("2025-11-23T14:15", NEWEST_MS),
        ("2025-11-23 14:15:00", NEWEST_MS),
        ("2025-11-23T14:15:00Z", NEWEST_MS),
        ("2025-11-23T15:15:00+01:00", NEWEST_MS),
        ("2025-11-23", NEWEST_MS - 14 * HOUR_MS - 15 * MINUTE_MS),
        (str(NEWEST_MS), NEWEST_MS),
        (" -2H ", NEWEST_MS - 2 * HOUR_MS),
    ],
)
def test_a_time_is_read_in_all_the_ways_it_is_written(text: str, wanted_ms: int) -> None:
    assert moment_of(text, NEWEST_MS) == wanted_ms


@pytest.mark.parametrize(
    "text",
    [
        *("", "noon", "25:00", "14:60", "-2w", "--jsn", "2025-13-01", "12", "-h", "\u00b2" * 12),
        # beyond what a calendar has
        *("-99999999999h", "-" + "9" * 400 + "d", "9" * 20, "9" * 5_000, "0001-01-01T00:00+10:00"),
    ],
)
def test_what_is_no_time_is_named_with_what_is_allowed(text: str) -> None:
    with pytest.raises(NoSuchTime, match=r"is no time; allowed: 14:15, .*-2h") as refused:
        moment_of(text, NEWEST_MS)
    assert repr(text) in str(refused.value)


def closes(count: int, **given: object) -> Scene:
    """A decision a minute, the first at 22:13:20."""
    scene = a_scene(**given)  # type: ignore[arg-type]  # the keywords of a scene
    for _ in range(count):
        scene.forecast(0.001)
        scene.wait(MINUTE_MS)
    return scene


@pytest.mark.parametrize(
    ("time", "closed"),
    [
        (None, 2),
        ("22:15:20", 2),
        ("22:15:19", 1),
        ("22:14:20", 1),
        ("22:13:20", 0),
        ("-1m", 1),
        ("-61s", 0),
    ],
)
def test_the_decision_that_stood_at_a_time_is_found(time: str | None, closed: int, tmp_path: Path) -> None:
    scene = closes(3)
    rows = [turn.event.ts_ms for turn in scene.turns if type(turn.event).__name__ == "ForecastMade"]
    with ledger_of(scene, tmp_path) as ledger:
        assert find(ledger, "BTC/USDT", time, MINUTE_MS).ts_ms == rows[closed]


def test_where_nothing_is_recorded_the_nearest_are_named(tmp_path: Path) -> None:
    scene = closes(1)
    scene.wait(10 * MINUTE_MS)
    scene.forecast(0.001)
    with ledger_of(scene, tmp_path) as ledger:
        with pytest.raises(Rejected, match=r"at 2023-11-14 22:20 UTC; the nearest: .*22:13:20 UTC and .*22:24:20 UTC"):
            find(ledger, "BTC/USDT", "22:20", MINUTE_MS)
        with pytest.raises(Rejected, match=r"at 2023-11-13 22:30 UTC; the nearest: 2023-11-14 22:13:20 UTC$"):
            find(ledger, "BTC/USDT", "22:30", MINUTE_MS)


def test_a_symbol_is_known_by_its_name_or_its_base(tmp_path: Path) -> None:
    scene = a_scene(instruments=coins("BTC", "ETH", "BTCDOM"))
    for symbol in scene.instruments:
        scene.forecast(0.001, symbol)
    with ledger_of(scene, tmp_path) as ledger:
        for text in ("BTC/USDT", "btc/usdt", "btcusdt", "BTC", "btc"):
            assert known_symbol(ledger, text) == "BTC/USDT"
        with pytest.raises(Rejected, match=r"no decision on 'DOGE' is recorded; known: BTC/USDT, BTCDOM/USDT, ETH"):
            known_symbol(ledger, "DOGE")


def test_a_name_that_may_be_two_is_not_guessed(tmp_path: Path) -> None:
    scene = a_scene(instruments=[*coins("BTC"), *(c for c in coins("BTC", perpetual=True))])
    for symbol in scene.instruments:
        scene.forecast(0.001, symbol)
    with ledger_of(scene, tmp_path) as ledger:
        with pytest.raises(Rejected, match=r"'btc' may be BTC/USDT or BTC/USDT:USDT; known: "):
            known_symbol(ledger, "btc")
        assert known_symbol(ledger, "BTC/USDT") == "BTC/USDT"


def test_a_ledger_without_a_decision_says_so(tmp_path: Path) -> None:
    with ledger_of(a_scene(), tmp_path) as ledger, pytest.raises(Rejected, match="no decision is recorded yet"):
        find(ledger, "BTC/USDT", None, MINUTE_MS)
