"""Everything at once: faults by seed against feed, account stream and engine, and nothing lost at the end."""

import asyncio
from pathlib import Path

import pytest

from tests.kit.fault_bench import BTC, ETH
from tests.kit.idle_time import network_passes
from tests.kit.small_daemon import small_daemon
from trader.domain.errors import Misconfigured
from trader.domain.orders import Purpose
from trader.runtime import live as runner_module
from trader.sandbox.server.chaos import chaos


async def test_without_a_sandbox_there_is_nothing_to_break(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no sandbox runs in"):
        await chaos(tmp_path, 1, 1.0)
    with pytest.raises(Misconfigured, match="minutes 0"):
        await chaos(tmp_path, 1, 0)


@pytest.mark.parametrize(
    ("seed", "minutes"), [(5, 0.06), *(pytest.param(seed, 1.0, marks=pytest.mark.slow) for seed in (1, 2, 3))]
)
async def test_a_daemon_in_chaos_ends_where_the_exchange_is(
    tmp_path: Path, seed: int, minutes: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "RECONCILE_EVERY_S", 2.0)
    async with small_daemon(tmp_path) as daemon:
        breaking = asyncio.create_task(chaos(tmp_path, seed, minutes, pause_s=(0.1, 0.6)))
        while not breaking.done():
            for symbol in (BTC, ETH):
                daemon.forecast(symbol)
            await network_passes(0.7)
        acted = await breaking
        assert sum(acted.values()) > 0
        await daemon.has_recovered()
        await daemon.assert_agrees_with_exchange()
        for symbol in (BTC, ETH):
            assert daemon.guarded(symbol) == daemon.sellable(symbol)
        if minutes >= 1:
            assert daemon.orders(Purpose.ENTRY)
