"""A base candle while it is traded."""

from trader.sandbox.market.listing import Listing


class RunningCandle:
    """Counts in ticks and steps, so that prices and volumes are exact however many trades there are."""

    def __init__(self, listing: Listing) -> None:
        self._tick = float(listing.instrument.price_tick)
        self._step = float(listing.instrument.quantity_step)
        self._price_decimals = listing.price_decimals
        self.begin(0)

    def begin(self, open_ms: int) -> None:
        """A candle without a trade yet."""
        self.open_ms = open_ms
        self._trades = 0
        self._open = self._high = self._low = 0  # ticks
        self._sums = (0, 0, 0, 0)  # volume, quote, taker volume, taker quote

    def add(self, ticks: int, steps: int, buyer_is_taker: bool) -> tuple[float, ...]:
        """One more trade; the candle so far, in the order of COLUMNS."""
        volume, quote, taker_volume, taker_quote = self._sums
        value = ticks * steps
        self._sums = (
            volume + steps,
            quote + value,
            taker_volume + steps * buyer_is_taker,
            taker_quote + value * buyer_is_taker,
        )
        if self._trades == 0:
            self._open = self._high = self._low = ticks
        self._trades += 1
        self._high, self._low = max(self._high, ticks), min(self._low, ticks)
        quote_unit = self._tick * self._step
        return (
            float(self.open_ms),
            self._price(self._open),
            self._price(self._high),
            self._price(self._low),
            self._price(ticks),
            round(self._sums[0] * self._step, 8),
            round(self._sums[1] * quote_unit, 8),
            float(self._trades),
            round(self._sums[2] * self._step, 8),
            round(self._sums[3] * quote_unit, 8),
        )

    def _price(self, ticks: int) -> float:
        return round(ticks * self._tick, self._price_decimals)
