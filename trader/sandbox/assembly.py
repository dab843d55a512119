"""Builds the running exchanges from options: where prices come from, who matches, and the desks in front."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.clock import ScaledClock, wall_ms
from trader.domain.instrument import Instrument
from trader.domain.market import timeframe_ms
from trader.sandbox.auth import Authenticator
from trader.sandbox.faults_active import Faults
from trader.sandbox.faults_market import SpoiledMatching
from trader.sandbox.generated import GeneratedMarket
from trader.sandbox.hub import Hub
from trader.sandbox.listing import Listing, is_perpetual, listings_for
from trader.sandbox.market import Grid, Market
from trader.sandbox.options import SandboxOptions
from trader.sandbox.playback import Playback
from trader.sandbox.recordings import read_funding
from trader.sandbox.replay import ReplayedMarket
from trader.sandbox.source import MarketSource
from trader.sandbox.usdm.desk import UsdmDesk
from trader.sandbox.usdm.market import UsdmMarket
from trader.sandbox.usdm.premium import GeneratedPremium, Premium, RecordedPremium
from trader.sandbox.venue import Venue
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.perpetual import PerpetualExchange
from trader.simulation.store import SimulationStore


class Keys(msgspec.Struct, frozen=True):
    """The one pair of keys that both exchanges accept."""

    api_key: str
    api_secret: str


def build(
    options: SandboxOptions, keys: Keys, spot_store: SimulationStore, usdm_store: SimulationStore, faults: Faults
) -> Venue:
    """Both exchanges at the market time where the stores left off; needs a running loop."""
    source, listings, premiums = _source(options, spot_store)
    spot = {symbol: listing for symbol, listing in listings.items() if not is_perpetual(symbol)}
    perpetual = {symbol: listing for symbol, listing in listings.items() if is_perpetual(symbol)}
    exchange = SimulatedExchange(_instruments(spot), opening_balances=_opening(options, listings), store=spot_store)
    perpetuals = PerpetualExchange(
        _instruments(perpetual),
        opening_balances=_opening(options, listings),
        funding_rates=lambda symbol, due_ms: premiums[symbol].rate(due_ms),
        store=usdm_store,
    )
    now_ms = max(source.start_ms, exchange.now_ms, perpetuals.now_ms)
    history = source.begin(now_ms)
    hub, usdm_hub = Hub(), Hub()
    grid = Grid(source.base_ms, options.seed, now_ms)
    market = Market(spot, history, SpoiledMatching(exchange, faults), hub, grid)
    matching = SpoiledMatching(perpetuals, faults)
    usdm_market = UsdmMarket(perpetual, history, matching, usdm_hub, grid, marks=perpetuals, premiums=premiums)
    # the epochs are taken after the history is made, so that making it costs no market time
    clock = ScaledClock(wall_ms(), now_ms, options.speed)
    playback = Playback(source, (market, usdm_market), clock, now_ms=now_ms)
    clock.real_epoch_ms = wall_ms()
    authenticator = Authenticator(keys.api_key, keys.api_secret, clock)
    now_s = asyncio.get_running_loop().time
    usdm = UsdmDesk(clock, usdm_market, perpetuals, authenticator, faults, usdm_hub, now_s)
    return Venue(options, clock, playback, market, exchange, hub, authenticator, faults, usdm)


def _source(
    options: SandboxOptions, store: SimulationStore
) -> tuple[MarketSource, dict[str, Listing], Mapping[str, Premium]]:
    """(source, listings, premium of each perpetual)."""
    symbols = options.listed
    perpetuals = [symbol for symbol in symbols if is_perpetual(symbol)]
    if options.replay is not None:
        replayed = ReplayedMarket(options.replay, symbols, options.timeframe, options.replay_offset_candles)
        return replayed, replayed.listings, {s: RecordedPremium(read_funding(options.replay, s)) for s in perpetuals}
    listings = listings_for(symbols)
    source = GeneratedMarket(
        listings,
        seed=options.seed,
        edge=options.edge,
        base_ms=timeframe_ms(options.timeframe),
        history_candles=options.history_candles,
        blobs=store,
    )
    return source, listings, {symbol: GeneratedPremium(options.seed, symbol) for symbol in perpetuals}


def _instruments(listings: Mapping[str, Listing]) -> dict[str, Instrument]:
    return {symbol: listing.instrument for symbol, listing in listings.items()}


def _opening(options: SandboxOptions, listings: Mapping[str, Listing]) -> dict[str, Decimal]:
    """The opening balance in each quote currency that is listed: once on each exchange."""
    amount = Decimal(repr(options.quote_balance))
    return {listing.instrument.quote: amount for listing in listings.values()}
