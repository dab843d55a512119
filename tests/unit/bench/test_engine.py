"""The benches measure something; how fast it is no test may ask."""

from trader.bench import close as bench_close
from trader.bench import engine as bench
from trader.bench import replay as bench_replay


def test_every_number_is_there() -> None:
    assert all(value > 0 for value in bench.measure(2).values())
    assert all(value > 0 for value in bench_close.measure(2).values())
    assert all(value > 0 for value in bench_replay.measure(20).values())
