"""What a strategy sees of one symbol at one candle close: everything it may decide by, and nothing else."""

from decimal import Decimal

import msgspec

from trader.domain.market import Book
from trader.domain.orders import Side
from trader.domain.signals import Forecast, MarketContext, ModelInfo, Regime


class Holding(msgspec.Struct, frozen=True):
    """The position in the symbol."""

    side: Side  # BUY = long
    quantity: Decimal  # base, > 0
    entry_price: float
    until_ms: int | None  # when it ends by itself, if it does


class View(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol at the close of one candle. Times ms UTC."""

    symbol: str
    now_ms: int
    candle_open_ms: int
    candle_close_ms: int
    context: MarketContext
    regime: Regime
    book: Book
    cost_frac: float  # a round trip without impact: fees, spread, funding
    can_short: bool
    holding: Holding | None = None
    forecast: Forecast | None = None  # of the model in use
    model: ModelInfo | None = None
