"""What `trader bench --only live` reads out of a daemon's log."""

from typing import Any

from trader.bench.live import NakedTime


def line(second: float, event: str, **words: Any) -> dict[str, Any]:
    return {"time": f"2026-01-01T00:00:{second:06.3f}+00:00", "event": event, **words}


def test_naked_is_from_the_first_fill_of_an_entry_until_its_stop_rests() -> None:
    naked = NakedTime()
    told = [
        line(1.0, "order.submitted", purpose="entry", client_id="e-1", symbol="BTC/USDT"),
        line(1.2, "fill.booked", client_id="e-1", symbol="BTC/USDT"),
        line(1.3, "fill.booked", client_id="e-1", symbol="BTC/USDT"),
        line(1.3, "order.submitted", purpose="stop", client_id="s-1", symbol="BTC/USDT"),
        line(1.35, "order.open", purpose="stop", client_id="s-2", symbol="ETH/USDT"),
        line(1.45, "order.open", purpose="stop", client_id="s-1", symbol="BTC/USDT"),
        line(2.0, "fill.booked", client_id="s-1", symbol="BTC/USDT"),
        line(2.5, "order.open", purpose="stop", client_id="s-3", symbol="BTC/USDT"),
    ]
    assert [round(ms) for one in told for ms in naked.ends(one)] == [250]


def test_a_position_that_was_closed_again_needs_no_stop() -> None:
    naked = NakedTime()
    told = [
        line(1.0, "order.submitted", purpose="entry", client_id="e-1", symbol="BTC/USDT"),
        line(1.2, "fill.booked", client_id="e-1", symbol="BTC/USDT"),
        line(3.0, "trade.closed", symbol="BTC/USDT"),
        line(9.0, "order.open", purpose="stop", client_id="s-9", symbol="BTC/USDT"),
    ]
    assert [ms for one in told for ms in naked.ends(one)] == []
