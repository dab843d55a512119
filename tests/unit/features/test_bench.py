"""The benchmark measures something; how fast it is no test may ask."""

from trader.features.bench import measure


def test_measure_reports_every_number() -> None:
    numbers = measure(4_500)
    assert {"stream_p50_us", "batch_candles_per_s", "close_p50_ms", "compile_s"} <= set(numbers)
    assert all(value > 0 for value in numbers.values())
