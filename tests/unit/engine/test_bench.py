"""The benches measure something; how fast it is no test may ask."""

from trader.engine import bench, bench_close


def test_every_number_is_there() -> None:
    assert all(value > 0 for value in bench.measure(2).values())
    assert all(value > 0 for value in bench_close.measure(2).values())
