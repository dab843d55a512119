"""A symbol whose candles are planned: made up, or recorded as candles; its book is made up around the trades."""

from collections.abc import Mapping
from typing import NamedTuple

from trader.domain.market import Levels
from trader.sandbox.market.candles import CandleSeries
from trader.sandbox.market.depth import DepthModel
from trader.sandbox.market.listing import Listing
from trader.sandbox.market.orderbook import BestQuote, BookDiff, PublishedBook
from trader.sandbox.market.running import RunningCandle
from trader.sandbox.market.source import STEPS_PER_CANDLE, CandlePlan, Floats
from trader.sandbox.market.symbol_market import PublicTrade, SymbolMarket


class Grid(NamedTuple):
    """What the planned symbols of one sandbox have in common."""

    base_ms: int  # length of a base candle
    seed: int
    now_ms: int  # where it begins


def planned_symbols(
    listings: Mapping[str, Listing], history: Mapping[str, Floats], grid: Grid
) -> dict[str, "PlannedSymbol"]:
    """`history`: the closed candles before the beginning, (n_candles, len(COLUMNS)) by symbol."""
    return {
        symbol: PlannedSymbol(
            listing, CandleSeries(grid.base_ms, history[symbol]), DepthModel(listing, grid.seed), grid
        )
        for symbol, listing in listings.items()
    }


class PlannedSymbol(SymbolMarket):
    """Plays candle plans step by step."""

    book: PublishedBook

    def __init__(self, listing: Listing, series: CandleSeries, depth: DepthModel, grid: Grid) -> None:
        super().__init__(listing, series)
        self.book = PublishedBook(listing, grid.now_ms)
        self.slow_book = PublishedBook(listing, grid.now_ms)  # what the 1,000 ms depth channel has told
        self._depth = depth
        self._base_ms = grid.base_ms
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._plan: CandlePlan | None = None
        self._running = RunningCandle(listing)
        self._last = (round(series.last_price / self._tick), True)  # price ticks and taker of the last trade
        self._volatility = 1.0

    def open_candle(self, plan: CandlePlan | None) -> None:
        """The next base candle begins; without a plan the exchange has an outage here."""
        self._plan = plan
        if plan is not None:
            self._running.begin(plan.open_ms)
            self._volatility = plan.volatility

    def step(self, number: int, ts_ms: int) -> PublicTrade | None:
        """Trade `number` of the running candle happens."""
        plan = self._plan
        if plan is None or plan.quantity_steps[number] == 0:
            return None
        ticks, steps, taker = plan.price_ticks[number], plan.quantity_steps[number], plan.buyer_is_taker[number]
        self._last = (ticks, taker)
        self.series.running = self._running.add(ticks, steps, taker)
        trade = PublicTrade(
            self.first_trade_id(plan.open_ms) + number,
            ts_ms,
            ts_ms,
            round(ticks * self._tick, self.listing.price_decimals),
            round(steps * self._step, self.listing.quantity_decimals),
            taker,
        )
        self.trades.append(trade)
        return trade

    def close_candle(self) -> None:
        """The running base candle ends."""
        plan, self._plan = self._plan, None
        if plan is not None:
            self.series.append(plan.row)

    def update_book(self, now_ms: int) -> BookDiff:
        ticks, taker = self._last
        return self.book.update(self._depth.book(ticks, taker, self._volatility, now_ms))

    def update_slow_book(self) -> BookDiff:
        return self.slow_book.copy_from(self.book)

    def levels_at(self, now_ms: int) -> tuple[Levels, Levels]:
        ticks, taker = self._last
        return self.book.levels_of(self._depth.book(ticks, taker, self._volatility, now_ms))

    def best(self) -> tuple[int, BestQuote]:
        return self.book.update_id, self.book.best()

    def first_trade_id(self, open_ms: float) -> int:
        """Ids count steps of the grid, so they only grow."""
        return int(open_ms) // self._base_ms * STEPS_PER_CANDLE
