"""Builds the running exchanges from options: where prices come from, who matches, and the desks in front."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.clock import ScaledClock, wall_ms
from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument
from trader.domain.market import timeframe_ms
from trader.sandbox.auth import Authenticator
from trader.sandbox.books.recorder import RecorderShelf
from trader.sandbox.books.shelf import FileShelf
from trader.sandbox.books.stage import RecordedStage
from trader.sandbox.faults_active import Faults
from trader.sandbox.faults_market import SpoiledMatching
from trader.sandbox.generated import GeneratedMarket
from trader.sandbox.hub import Hub
from trader.sandbox.listing import Listing, is_perpetual, listings_for
from trader.sandbox.market import Market
from trader.sandbox.options import SandboxOptions
from trader.sandbox.recordings import kind_of, read_funding
from trader.sandbox.replay import ReplayedMarket
from trader.sandbox.stage import PlannedStage, Stage
from trader.sandbox.usdm.desk import UsdmDesk
from trader.sandbox.usdm.mark import PremiumPricing
from trader.sandbox.usdm.market import UsdmMarket
from trader.sandbox.usdm.premium import GeneratedPremium, RecordedPremium
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
    stage = _stage(options, spot_store)
    listings, pricings = stage.listings, stage.pricings
    opening = _opening(options, listings)
    exchange = SimulatedExchange(_instruments(listings, perpetual=False), opening_balances=opening, store=spot_store)
    perpetuals = PerpetualExchange(
        _instruments(listings, perpetual=True),
        opening_balances=opening,
        funding_rates=lambda symbol, due_ms: pricings[symbol].rate(due_ms),
        store=usdm_store,
    )
    now_ms = max(stage.start_ms, exchange.now_ms, perpetuals.now_ms)
    symbols = stage.begin(now_ms)
    spot = {symbol: market for symbol, market in symbols.items() if not is_perpetual(symbol)}
    perpetual = {symbol: market for symbol, market in symbols.items() if is_perpetual(symbol)}
    hub, usdm_hub = Hub(), Hub()
    market = Market(spot, SpoiledMatching(exchange, faults), hub, stage.base_ms)
    matching = SpoiledMatching(perpetuals, faults)
    usdm_market = UsdmMarket(perpetual, matching, usdm_hub, stage.base_ms, marks=perpetuals, pricings=pricings)
    # the epochs are taken after the history is made, so that making it costs no market time
    clock = ScaledClock(wall_ms(), now_ms, options.speed)
    playback = stage.playback((market, usdm_market), clock, now_ms)
    clock.real_epoch_ms = wall_ms()
    authenticator = Authenticator(keys.api_key, keys.api_secret, clock)
    now_s = asyncio.get_running_loop().time
    usdm = UsdmDesk(clock, usdm_market, perpetuals, authenticator, faults, usdm_hub, now_s)
    return Venue(options, clock, playback, market, exchange, hub, authenticator, faults, usdm)


def _stage(options: SandboxOptions, store: SimulationStore) -> Stage:
    symbols = options.listed
    perpetuals = [symbol for symbol in symbols if is_perpetual(symbol)]
    kind = None if options.replay is None else kind_of(options.replay, symbols)
    if options.history is not None and kind != "books":
        raise Misconfigured("sandbox history: is for the replay of recorded books; leave it out")
    if options.replay is not None and kind in ("books", "days"):
        own = kind == "days"
        shelf = RecorderShelf(options.replay) if own else FileShelf(options.replay, options.history)
        return RecordedStage(shelf, symbols, options.timeframe, name=options.recording)
    if options.recording:
        raise Misconfigured("sandbox recording: is for the replay of recorded books; leave it out")
    if options.replay is not None:
        replayed = ReplayedMarket(options.replay, symbols, options.timeframe, options.replay_offset_candles)
        recorded = {s: PremiumPricing(RecordedPremium(read_funding(options.replay, s))) for s in perpetuals}
        return PlannedStage(replayed, replayed.listings, recorded, options.seed)
    listings = listings_for(symbols)
    source = GeneratedMarket(
        listings,
        seed=options.seed,
        edge=options.edge,
        base_ms=timeframe_ms(options.timeframe),
        history_candles=options.history_candles,
        blobs=store,
    )
    generated = {symbol: PremiumPricing(GeneratedPremium(options.seed, symbol)) for symbol in perpetuals}
    return PlannedStage(source, listings, generated, options.seed)


def _instruments(listings: Mapping[str, Listing], *, perpetual: bool) -> dict[str, Instrument]:
    return {s: listing.instrument for s, listing in listings.items() if is_perpetual(s) is perpetual}


def _opening(options: SandboxOptions, listings: Mapping[str, Listing]) -> dict[str, Decimal]:
    """The opening balance in each quote currency that is listed: once on each exchange."""
    amount = Decimal(repr(options.quote_balance))
    return {listing.instrument.quote: amount for listing in listings.values()}
