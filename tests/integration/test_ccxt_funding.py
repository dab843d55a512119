"""Funding of perpetuals over the unmodified ccxt client."""

from pathlib import Path

from tests.kit.sandbox import market_clock, sandbox
from tests.kit.usdm import BTC, SHORT, ccxt_usdm
from trader.adapters.ccxt.connect import connect
from trader.adapters.observations.funding import FundingSource
from trader.config.exchange import ExchangeSettings
from trader.config.market import MarketSettings
from trader.features.groups.funding import KNOWN_AFTER_MS

HOUR_MS = 3_600_000


async def test_settlements_are_told_from_a_time_on_oldest_first(tmp_path: Path) -> None:
    async with sandbox(tmp_path, **SHORT) as running:
        clock = market_clock(running)
        settings = ExchangeSettings.model_validate(
            {
                "id": "binance",
                "market": "perpetual",
                "symbols": (BTC,),
                "endpoint": running.endpoint,
                "ca_file": running.ca_file,
            }
        )
        connection = await connect(settings, MarketSettings(), clock)
        try:
            since_ms = clock.now_ms() - 20 * HOUR_MS
            rates = await connection.feed.funding(BTC, since_ms)
            known = await FundingSource(connection.feed.funding).observations(BTC, since_ms + KNOWN_AFTER_MS)
        finally:
            await connection.close()
        async with ccxt_usdm(running) as exchange:
            asked = await exchange.fetch_funding_rate_history(BTC)
    assert 2 <= len(rates) <= 3
    assert all(one.ts_ms % (8 * HOUR_MS) == 0 and one.symbol == BTC for one in rates)
    assert [(one.ts_ms, one.rate) for one in rates] == [(e["timestamp"], e["fundingRate"]) for e in asked][
        -len(rates) :
    ]
    # the exchange needs a moment to publish it
    assert [(one.event_ms, one.value) for one in known] == [(one.ts_ms, one.rate) for one in rates]
    assert all(one.known_ms == one.event_ms + KNOWN_AFTER_MS for one in known)


async def test_spot_has_no_funding(tmp_path: Path) -> None:
    async with sandbox(tmp_path, history_candles=600, symbols=("BTC/USDT",)) as running:
        settings = ExchangeSettings(
            id="binance", symbols=("BTC/USDT",), endpoint=running.endpoint, ca_file=running.ca_file
        )
        connection = await connect(settings, MarketSettings(), market_clock(running))
        try:
            assert await connection.feed.funding("BTC/USDT", 0) == []
        finally:
            await connection.close()
