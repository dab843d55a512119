"""The exchange matches far more book updates than ten times five symbols ever send it."""

from trader.bench.matching import measure


def test_twenty_thousand_book_updates_a_second_of_processor_time() -> None:
    measured = measure(updates=4_000)
    assert min(measured.values()) > 20_000
