"""What the exchange lists now: filters change and symbols end while a daemon runs for weeks.

Asked for again every hour, and at once when an order is refused for a reason that may lie there.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Sequence

import structlog

from trader.adapters.ccxt.market.instruments import instrument_of
from trader.adapters.ccxt.transport.client import Client
from trader.domain.errors import Misconfigured, Rejected, Unavailable
from trader.domain.events import InstrumentChanged, MarketEvent, StreamState
from trader.domain.instrument import Instrument
from trader.domain.refusals import RefusalCode

log = structlog.get_logger("ccxt.listings")

EVERY_S = 3_600.0
REST_S = 5.0  # however often orders are refused
# refusals that another listing would explain
DOUBTFUL = frozenset(
    {
        RefusalCode.LOT_SIZE,
        RefusalCode.PRICE_FILTER,
        RefusalCode.MIN_NOTIONAL,
        RefusalCode.INVALID_ORDER,
        RefusalCode.BAD_REQUEST,
        RefusalCode.UNKNOWN_SYMBOL,
        RefusalCode.REJECTED,
    }
)


class Listings:
    """`doubt` may be called at any time; `run` asks, as part of a running feed."""

    def __init__(self, client: Client, symbols: Sequence[str]) -> None:
        self._client = client
        self._raw = client.raw
        self.symbols = tuple(symbols)
        self._doubted = asyncio.Event()

    def doubt(self, code: RefusalCode) -> None:
        """An order was refused with `code`."""
        if code in DOUBTFUL:
            self._doubted.set()

    async def run(self, sink: Callable[[MarketEvent], None], on_state: Callable[[str, StreamState, str], None]) -> None:
        """Tell changed instruments, and whether each symbol trades at all, until cancelled."""
        known = {symbol: self._instrument(symbol) for symbol in self.symbols}
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._doubted.wait(), EVERY_S)
            self._doubted.clear()
            try:
                await self._read()
            except (Unavailable, Rejected) as error:
                log.warning("listings.not_read", error=str(error))
                self._doubted.set()
            for symbol in self.symbols:
                instrument = self._instrument(symbol)
                if instrument is None:
                    on_state(symbol, StreamState.STALE, "the exchange does not trade it at present")
                    continue
                on_state(symbol, StreamState.LIVE, "listed")
                if instrument != known[symbol]:
                    known[symbol] = instrument
                    sink(InstrumentChanged(instrument=instrument))
            await asyncio.sleep(REST_S)

    async def _read(self) -> None:
        """Ask for the markets and take them over where every client of this exchange looks them up."""
        parameter, params = self._client.facts.listing_parameter, {}
        if parameter:
            ids = [self._raw.markets[symbol]["id"] for symbol in self.symbols]
            params[parameter] = json.dumps(ids, separators=(",", ":"))
        found = {market["symbol"]: market for market in await self._client.read("fetch_markets", params)}
        for symbol in self.symbols:
            market = self._raw.markets[symbol]  # changed in place: the clients share it
            market.update(self._raw.deep_extend(market, found.get(symbol) or {"active": False}))

    def _instrument(self, symbol: str) -> Instrument | None:
        """None for one that cannot be traded."""
        market = self._raw.markets[symbol]
        if market.get("active") is False:
            return None
        try:
            return instrument_of(market, precision_mode=self._raw.precisionMode)
        except Misconfigured as error:
            log.warning("instrument.unusable", symbol=symbol, error=str(error))
            return None
