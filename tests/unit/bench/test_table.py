"""Which parts are measured."""

import json

import pytest

from trader.bench import table
from trader.domain.errors import Misconfigured


@pytest.mark.parametrize("only", [["one,three"], ["one", "three"], [" one , three "], ["one,", "three"]])
def test_parts_are_named_one_by_one_or_as_a_list(
    only: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    parts = {name: lambda number=number: {"us": number} for number, name in enumerate(("one", "two", "three"))}
    monkeypatch.setattr(table, "PARTS", parts)
    assert table.run_bench(only, as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"one": {"us": 0}, "three": {"us": 2}}


def test_a_part_that_does_not_exist_is_named_alone() -> None:
    with pytest.raises(Misconfigured, match=r"^bench has no part gears; allowed: engine, "):
        table.run_bench(["engine,gears"], as_json=True)
