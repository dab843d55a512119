"""What is noted while one decision is made: values that were computed anyway, held on to until its row is written."""

import msgspec

from trader.domain.market import Book
from trader.domain.signals import Forecast
from trader.domain.workings import Asked, Carriage, Inputs, SizeStory, Workings


class Costs(msgspec.Struct, frozen=True):
    """A round trip without impact, as a fraction of the position's value, and what of it the fees and funding are."""

    all_frac: float
    fee_frac: float
    funding_frac: float


class Notes(Asked):
    """Of one decision. Nothing decides by them: they are only read at its end, as `workings`."""

    __slots__ = ("bar_factor", "carriage", "costs", "forecast", "orders", "size", "slope", "touch")

    def __init__(self, forecast: Forecast) -> None:
        super().__init__()
        self.forecast = forecast
        self.touch: Book | None = None
        self.costs: Costs | None = None
        self.slope: float | None = None
        self.bar_factor = 1.0
        self.size: SizeStory | None = None
        self.carriage: Carriage | None = None
        self.orders = 0

    def workings(self) -> Workings:
        """All of it."""
        return Workings(self._inputs(), tuple(self.gates), self.size, self.carriage, self.orders)

    def _inputs(self) -> Inputs:
        forecast, book, costs = self.forecast, self.touch, self.costs
        context = msgspec.structs.astuple(forecast.context)
        if book is None or costs is None:
            return Inputs(forecast.candle_close_ms, forecast.confidence, context, forecast.members)
        (bid, bid_size), (ask, ask_size) = book.bids[0], book.asks[0]
        return Inputs(
            forecast.candle_close_ms,
            forecast.confidence,
            context,
            forecast.members,
            bid,
            ask,
            bid_size,
            ask_size,
            min(len(book.bids), len(book.asks)),
            self.slope,
            costs.all_frac,
            costs.fee_frac,
            costs.funding_frac,
            self.bar_factor,
        )
