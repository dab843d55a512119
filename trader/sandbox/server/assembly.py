"""Builds the running exchanges from options: where prices come from, who matches, and the desks in front."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.clock import ScaledClock, wall_ms
from trader.domain.errors import Misconfigured
from trader.domain.instrument import Instrument
from trader.domain.market import timeframe_ms
from trader.sandbox.binance.protocol.auth import Authenticator
from trader.sandbox.binance.protocol.market_streams import MarketStreams
from trader.sandbox.binance.spot.desk import SpotDesk
from trader.sandbox.binance.spot.messages import SpotMessages
from trader.sandbox.binance.usdm.desk import UsdmDesk
from trader.sandbox.binance.usdm.market_streams import UsdmMarketStreams
from trader.sandbox.faults.active import Faults
from trader.sandbox.faults.matching import SpoiledMatching
from trader.sandbox.generated.market import GeneratedMarket
from trader.sandbox.market.listing import Listing, is_perpetual, listings_for
from trader.sandbox.market.mark import PremiumPricing
from trader.sandbox.market.perpetual import PerpetualMarket
from trader.sandbox.market.premium import GeneratedPremium, RecordedPremium
from trader.sandbox.market.served_market import ServedMarket
from trader.sandbox.market.stage import PlannedStage, Stage
from trader.sandbox.recorded.book_stage import RecordedStage
from trader.sandbox.recorded.candle_files import kind_of, read_funding
from trader.sandbox.recorded.own_recordings import RecorderShelf
from trader.sandbox.recorded.replay import ReplayedMarket
from trader.sandbox.recorded.shelf import FileShelf
from trader.sandbox.server.options import SandboxOptions
from trader.sandbox.server.sandbox import Sandbox
from trader.sandbox.sockets.hub import Hub
from trader.simulation.derivatives.perpetual import PerpetualExchange
from trader.simulation.exchange import SimulatedExchange
from trader.simulation.records.store import SimulationStore


class Keys(msgspec.Struct, frozen=True):
    """The one pair of keys that both exchanges accept."""

    api_key: str
    api_secret: str


def build(
    options: SandboxOptions, keys: Keys, spot_store: SimulationStore, usdm_store: SimulationStore, faults: Faults
) -> Sandbox:
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
    market = ServedMarket(spot, SpoiledMatching(exchange, faults), stage.base_ms)
    market.audience = MarketStreams(market, hub, SpotMessages())
    matching = SpoiledMatching(perpetuals, faults)
    usdm_market = PerpetualMarket(perpetual, matching, stage.base_ms, marks=perpetuals, pricings=pricings)
    usdm_market.audience = UsdmMarketStreams(usdm_market, usdm_hub)
    # the epochs are taken after the history is made, so that making it costs no market time
    clock = ScaledClock(wall_ms(), now_ms, options.speed)
    playback = stage.playback((market, usdm_market), clock, now_ms)
    clock.real_epoch_ms = wall_ms()
    authenticator = Authenticator(keys.api_key, keys.api_secret, clock)
    now_s = asyncio.get_running_loop().time
    desk = SpotDesk(
        clock, market, exchange, authenticator, faults, hub, now_s,
        opened_ms=playback.start_ms, weight_per_minute=options.request_weight_per_minute,
    )  # fmt: skip
    usdm = UsdmDesk(clock, usdm_market, perpetuals, authenticator, faults, usdm_hub, now_s)
    return Sandbox(clock, playback, desk, usdm, faults)


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
