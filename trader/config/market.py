"""The block `market`: candles, history, and how long a stream may be silent."""

from typing import Annotated

from pydantic import Field, model_validator

from trader.config.section import Positive, Section
from trader.domain.errors import Misconfigured
from trader.domain.market import timeframe_ms

_MOST_HIGHER = 4  # as many as the features' compiled step has room for


class MarketSettings(Section):
    timeframe: str = "1m"
    """Candle length that is traded."""
    higher_timeframes: tuple[str, ...] = ("15m", "1h")
    """One to four longer candles whose features are added; resampled from closed candles only."""
    history_candles: Annotated[int, Field(ge=300, le=20_000)] = 2_500
    """Candles per symbol loaded at start to warm the features up."""
    book_depth: Annotated[int, Field(ge=5, le=100)] = 20
    """Book levels per side that decisions use."""
    candle_silence_s: Positive = 90.0
    """Longest silence of trades and candles beyond the candle's own length, market seconds."""
    book_silence_s: Positive = 10.0
    """Longest silence of a book before it counts as stale, real seconds."""
    late_candle_s: Annotated[float, Field(ge=0, le=60)] = 1.5
    """How long forecasts of a close wait for candles of other symbols that their features need, real seconds (at
    most half a candle); later, what is missing is masked."""
    close_grace_s: Annotated[float, Field(ge=0.2, le=60)] = 2.0
    """How long after its end a candle without successor is asked for over REST, real seconds."""

    @model_validator(mode="after")
    def _timeframes(self) -> "MarketSettings":
        try:
            base = timeframe_ms(self.timeframe)
            given = self.higher_timeframes
            if not 1 <= len(given) <= _MOST_HIGHER or len(set(given)) < len(given):
                raise ValueError(f"higher timeframes {', '.join(given) or 'none'}: name one to four that differ")
            for higher in self.higher_timeframes:
                if timeframe_ms(higher) <= base or timeframe_ms(higher) % base:
                    raise ValueError(f"higher timeframe {higher!r} is not a multiple of timeframe {self.timeframe!r}")
        except Misconfigured as error:
            raise ValueError(str(error)) from error
        return self
