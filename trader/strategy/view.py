"""What a strategy sees of one symbol at one candle close: everything it may decide by, and nothing else."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from trader.domain.market import Book, Candle
from trader.domain.orders import Side
from trader.domain.reasons import Reason
from trader.domain.signals import Forecast, MarketContext, ModelInfo, Regime


class Holding(msgspec.Struct, frozen=True):
    """The position in the symbol."""

    side: Side  # BUY = long
    quantity: Decimal  # base, > 0
    entry_price: float  # average
    opened_ms: int = 0
    stop_price: float | None = None  # of the protective stop; None until the first fill is guarded
    until_ms: int | None = None  # when it ends by itself, if it does
    strategy_id: str = "ensemble"  # that opened it
    parts_left: int = 0  # that may still be added


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol at the close of one candle. Times ms UTC, prices in quote."""

    symbol: str
    now_ms: int
    candle_open_ms: int
    candle_close_ms: int
    context: MarketContext  # the published indicators that decide the regime
    regime: Regime
    book: Book
    cost_frac: float  # a round trip without impact: fees, spread, funding
    can_short: bool
    bar_factor: float = 1.0  # what the bar of an entry is multiplied by: above 1 where costs ate too much before
    bar_reasons: tuple[Reason, ...] = ()  # why it is
    candles: tuple[Candle, ...] = ()  # as many as the strategy asks for, oldest first, this close's last
    features: Mapping[str, float] = {}  # by name, at this close; NaN where something is missing
    features_before: Mapping[str, float] = {}  # at the close before; empty if that is not known
    holding: Holding | None = None
    forecast: Forecast | None = None  # of the model in use; None without a model, and where inputs were missing
    model: ModelInfo | None = None

    @property
    def closes(self) -> tuple[float, ...]:
        """Closing prices of `candles`."""
        return tuple(candle.close for candle in self.candles)
