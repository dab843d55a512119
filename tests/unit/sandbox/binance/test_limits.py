"""Weights and bans, by a clock that the test moves."""

import pytest

from trader.sandbox.binance.protocol.errors import BinanceError
from trader.sandbox.binance.protocol.limits import RateLimiter


class Clock:
    """Seconds, set by hand."""

    def __init__(self) -> None:
        self.now = 6_000.0

    def __call__(self) -> float:
        return self.now


def refusal(limiter: RateLimiter, weight: int = 1) -> BinanceError:
    with pytest.raises(BinanceError) as caught:
        limiter.charge(weight)
    return caught.value


def test_weight_counts_per_minute_and_then_starts_anew() -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock)
    for _ in range(10):
        limiter.charge(10)
    assert limiter.headers()["X-MBX-USED-WEIGHT-1M"] == "100"
    clock.now += 20
    refused = refusal(limiter)
    assert (refused.status, refused.code, refused.extra["retry_after_s"]) == (429, -1003, 40.0)
    clock.now += 40
    limiter.charge(10)
    assert limiter.used_weight == 10


def test_who_does_not_stop_is_banned_and_the_ban_outlasts_the_minute() -> None:
    clock = Clock()
    limiter = RateLimiter(1, clock)
    limiter.charge(1)
    statuses = [refusal(limiter).status for _ in range(12)]
    assert statuses == [429] * 10 + [418] * 2
    clock.now += 61
    assert refusal(limiter).status == 418
    clock.now += 120
    limiter.charge(1)


def test_orders_have_a_rate_of_their_own() -> None:
    clock = Clock()
    limiter = RateLimiter(100, clock)
    for _ in range(100):
        limiter.charge_order()
    with pytest.raises(BinanceError, match="100 orders per 10 SECOND") as caught:
        limiter.charge_order()
    assert caught.value.status == 429
    clock.now += 10
    limiter.charge_order()
