"""One symbol while the market runs: its trades, running candle and book."""

from collections import deque

import msgspec

from trader.domain.market import Levels
from trader.sandbox.candles import CandleSeries
from trader.sandbox.depth import DepthModel
from trader.sandbox.listing import Listing
from trader.sandbox.numbers import text
from trader.sandbox.orderbook import BookDiff, PublishedBook
from trader.sandbox.source import CandlePlan
from trader.sandbox.ticker import first_trade_id

RECENT_TRADES = 1_000  # what REST can tell


class PublicTrade(msgspec.Struct, frozen=True):
    """One print of the tape."""

    trade_id: int
    ts_ms: int
    price: float
    quantity: float
    buyer_is_taker: bool


class SymbolMarket:
    """Plays candle plans step by step. Prices and volumes of the running candle are kept in ticks and steps: exact."""

    def __init__(
        self, listing: Listing, series: CandleSeries, depth: DepthModel, base_ms: int, first_update_id: int
    ) -> None:
        self.listing = listing
        self.id = listing.id
        self.symbol = listing.instrument.symbol
        self.stream = listing.id.lower()  # how stream names begin
        self.series = series
        self.trades: deque[PublicTrade] = deque(maxlen=RECENT_TRADES)
        self.book = PublishedBook(listing, first_update_id)
        self.slow_book = PublishedBook(listing, first_update_id)  # what the 1,000 ms depth channel has told
        self._depth = depth
        self._base_ms = base_ms
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._plan: CandlePlan | None = None
        self._steps = 0  # trades of the running candle so far
        self._sums = (0, 0, 0, 0)  # volume, quote, taker volume, taker quote of the running candle, in ticks and steps
        self._last = (round(series.last_price / self._tick), True)  # price ticks and taker of the last trade
        self._volatility = 1.0

    @property
    def is_trading(self) -> bool:
        """Whether the running candle has a plan; without one the exchange has an outage here."""
        return self._plan is not None

    def open_candle(self, plan: CandlePlan | None) -> None:
        """The next base candle begins."""
        self._plan, self._steps, self._sums = plan, 0, (0, 0, 0, 0)
        if plan is not None:
            self._volatility = plan.volatility

    def step(self, number: int, ts_ms: int) -> PublicTrade | None:
        """Trade `number` of the running candle happens."""
        plan = self._plan
        if plan is None or plan.quantity_steps[number] == 0:
            return None
        ticks, steps, taker = plan.price_ticks[number], plan.quantity_steps[number], plan.buyer_is_taker[number]
        self._last = (ticks, taker)
        self._count(plan, ticks, steps, taker)
        trade = PublicTrade(
            first_trade_id(plan.open_ms, self._base_ms) + number,
            ts_ms,
            round(ticks * self._tick, self.listing.price_decimals),
            round(steps * self._step, self.listing.quantity_decimals),
            taker,
        )
        self.trades.append(trade)
        return trade

    def close_candle(self) -> tuple[float, ...] | None:
        """The running base candle ends; its final row."""
        plan, self._plan = self._plan, None
        if plan is None:
            return None
        self.series.append(plan.row)
        return plan.row

    def update_book(self, now_ms: int) -> BookDiff:
        """Moves the book to where trades are; what changed."""
        ticks, taker = self._last
        return self.book.update(self._depth.book(ticks, taker, self._volatility, now_ms))

    def levels_at(self, now_ms: int) -> tuple[Levels, Levels]:
        """(bids, asks) of the book at that time, published or not."""
        ticks, taker = self._last
        return self.book.levels_of(self._depth.book(ticks, taker, self._volatility, now_ms))

    def update_slow_book(self) -> BookDiff:
        """What changed since the slow depth channel was told."""
        return self.slow_book.copy_from(self.book)

    @property
    def last_trade_id(self) -> int:
        return self.trades[-1].trade_id if self.trades else 0

    @property
    def last_quantity(self) -> str:
        return text(self.trades[-1].quantity if self.trades else 0.0)

    def _count(self, plan: CandlePlan, ticks: int, steps: int, taker: bool) -> None:
        volume, quote, taker_volume, taker_quote = self._sums
        value = ticks * steps
        self._sums = (volume + steps, quote + value, taker_volume + steps * taker, taker_quote + value * taker)
        before = self.series.running
        self._steps += 1
        price = round(ticks * self._tick, self.listing.price_decimals)
        quote_unit = self._tick * self._step
        self.series.running = (
            float(plan.open_ms),
            before[1] if before else price,
            max(before[2], price) if before else price,
            min(before[3], price) if before else price,
            price,
            round(self._sums[0] * self._step, 8),
            round(self._sums[1] * quote_unit, 8),
            float(self._steps),
            round(self._sums[2] * self._step, 8),
            round(self._sums[3] * quote_unit, 8),
        )
