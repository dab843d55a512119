"""Own executions over REST: pages and windows put together again without losing or repeating one."""

import asyncio
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader.adapters.ccxt.account.fills import ClientIds, FillHistory
from trader.adapters.ccxt.exchanges import DEFAULT, ExchangeFacts
from trader.adapters.ccxt.transport.client import Client
from trader.adapters.ccxt.transport.timing import MarketTime
from trader.clock import SimulatedClock
from trader.domain.errors import Rejected, Unavailable
from trader.domain.refusals import RefusalCode

BTC = "BTC/USDT"
DAY = 86_400_000
NOW = 1_000 * DAY


class FakeClient(Client):
    """Answers like an exchange that pages its executions. Nothing of the real client is set up."""

    def __init__(self, times: list[int], facts: ExchangeFacts) -> None:
        self.facts = facts
        self.time = MarketTime(SimulatedClock(NOW))
        self.asked: list[tuple[str, Any]] = []
        self.raw = type("Raw", (), {"has": {"fetchOrders": True}})()
        self._trades = [
            {
                "id": str(n),
                "order": f"o{n % 3}",
                "symbol": BTC,
                "side": "buy",
                "price": "1",
                "amount": "1",
                "timestamp": ms,
            }
            for n, ms in enumerate(sorted(times))
        ]

    async def read(self, method: str, *args: Any) -> Any:
        self.asked.append((method, args))
        if method == "fetch_order":
            if args[0] == "o2":
                raise Rejected("gone", code=RefusalCode.UNKNOWN_ORDER)
            return {"id": args[0], "clientOrderId": f"mine-{args[0]}", "symbol": BTC, "status": "closed", "amount": "1"}
        assert method == "fetch_my_trades"
        _, since, limit, params = args
        if since is None:
            return self._trades[-limit:]
        until = params.get("until", NOW + 1)
        if self.facts.trade_window_ms:  # the exchange refuses wider spans
            until = min(until, since + self.facts.trade_window_ms)
        return [trade for trade in self._trades if since <= trade["timestamp"] <= until][:limit]


def history(client: FakeClient) -> FillHistory:
    return FillHistory(client, ClientIds(client))


@settings(max_examples=200, deadline=None)
@given(
    times=st.lists(st.integers(NOW - 5 * DAY, NOW - 1), max_size=40, unique=True),
    page=st.integers(2, 7),
    window=st.sampled_from([0, DAY, 3 * DAY]),
    reaches_back=st.booleans(),
    since=st.integers(NOW - 6 * DAY, NOW),
)
def test_every_execution_once_and_in_order(
    times: list[int], page: int, window: int, reaches_back: bool, since: int
) -> None:
    facts = msgspec.structs.replace(
        DEFAULT, trade_page=page, trade_window_ms=window, latest_trades_reach_back=reaches_back
    )
    fills = asyncio.run(history(FakeClient(times, facts)).since(BTC, since))
    assert [fill.ts_ms for fill in fills] == sorted(ms for ms in times if ms >= since)


async def test_more_in_one_millisecond_than_fit_a_page_is_never_called_complete() -> None:
    facts = msgspec.structs.replace(DEFAULT, trade_page=3)
    with pytest.raises(Unavailable, match="one millisecond"):
        await history(FakeClient([NOW - 5] * 4, facts)).since(BTC, NOW - 10)


async def test_client_ids_come_from_the_orders_and_are_asked_for_once() -> None:
    client = FakeClient([NOW - 3, NOW - 2, NOW - 1], msgspec.structs.replace(DEFAULT, trade_page=10))
    fills = history(client)
    assert [fill.client_id for fill in await fills.since(BTC, 0)] == ["mine-o0", "mine-o1", ""]
    client.asked.clear()
    await fills.since(BTC, 0)
    assert [method for method, _ in client.asked] == ["fetch_my_trades"]


async def test_one_request_tells_that_nothing_happened_for_a_thousand_days() -> None:
    facts = msgspec.structs.replace(DEFAULT, trade_window_ms=DAY, latest_trades_reach_back=True, trade_page=10)
    client = FakeClient([NOW - 900 * DAY], facts)
    assert len(await history(client).since(BTC, 0)) == 1
    assert [method for method, _ in client.asked].count("fetch_my_trades") == 1
