"""What begins first where several processes share the tests."""

from pathlib import PurePath

from tests.kit.turns import turn


def test_what_waits_begins_before_what_computes_and_the_small_ones_are_last() -> None:
    modules = (
        "unit/test_domain.py",
        "unit/training/test_tune.py",
        "property/test_caps.py",
        "integration/test_faults.py",
    )
    paths = [PurePath("tests") / name for name in (*modules, "unit/engine/test_engine.py", "scenario/test_kill.py")]
    assert [path.name for path in sorted(paths, key=turn)] == [
        "test_kill.py",
        "test_faults.py",
        "test_caps.py",
        "test_tune.py",
        "test_domain.py",  # equals keep their order
        "test_engine.py",
    ]
