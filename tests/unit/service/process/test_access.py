"""Where the market is."""

import asyncio

import pytest

from trader.adapters.ccxt.transport import loopback
from trader.config.exchange import ExchangeSettings
from trader.domain.errors import Unavailable
from trader.service.process.access import clock_of


@pytest.mark.parametrize(("error", "why"), [(TimeoutError(), "TimeoutError"), (OSError("refused"), "refused")])
def test_a_simulator_that_does_not_answer_is_told_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, error: OSError, why: str
) -> None:
    async def silent(endpoint: str, ca_file: object) -> None:
        raise error

    monkeypatch.setattr(loopback, "simulator_clock", silent)
    exchange = ExchangeSettings(symbols=("BTC/USDT",), endpoint="https://127.0.0.1:1")
    with pytest.raises(Unavailable, match=f"no simulator answers at exchange.endpoint https://127.0.0.1:1: {why}$"):
        asyncio.run(clock_of(exchange))
