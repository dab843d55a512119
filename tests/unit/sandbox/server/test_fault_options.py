"""`trader sandbox --faults FILE` and `trader sandbox chaos`: what they refuse."""

from pathlib import Path

import pytest

from trader.cli.sandbox import _faults
from trader.domain.errors import Misconfigured
from trader.sandbox.faults.kinds import ErrorAnswer, Silence


def test_a_file_of_faults_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    path.write_text('[{"kind": "silence", "for_s": 3}, {"kind": "error", "status": 429}]')
    assert _faults(path) == (Silence(for_s=3), ErrorAnswer(status=429))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("", "Expecting value"),
        ("{}", "must be a JSON list"),
        ('[{"kind": "x"}]', "allowed are"),
    ],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "faults.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(Misconfigured, match=said):
        _faults(path)
