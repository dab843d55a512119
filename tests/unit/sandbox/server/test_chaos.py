"""What the chaos driver would do: by seed, bounded, and only what the sandbox takes."""

from itertools import islice

from trader.sandbox.faults.kinds import KINDS, fault_from
from trader.sandbox.server.chaos import plan

SYMBOLS = ("BTC/USDT", "ETH/USDT")


def test_a_seed_is_a_plan() -> None:
    first, again, other = (list(islice(plan(seed, SYMBOLS), 50)) for seed in (3, 3, 4))
    assert first == again != other
    assert all(2.0 <= wait_s <= 8.0 for wait_s, _ in first)


def test_every_planned_fault_is_one_ends_by_itself_and_all_kinds_come_up() -> None:
    kinds = set()
    for _, given in islice(plan(1, SYMBOLS), 2_000):
        fault = fault_from(given)
        kinds.add(given["kind"])
        bounded = fault.is_instant or getattr(fault, "for_s", 0) > 0 or getattr(fault, "next", 0) > 0
        assert bounded, given
        assert getattr(fault, "for_s", 0) <= 20
    assert kinds == set(KINDS)
