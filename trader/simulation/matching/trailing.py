"""Stops that follow the price: a sell triggers on a fall from the highest price seen, a buy on a rise from the lowest.

With a stop price it begins to follow once that is reached, in the way its trigger says; without one, at once.
"""

from decimal import Decimal

from msgspec.structs import replace as altered

from trader.domain.instrument import Instrument, exact
from trader.domain.orders import Side
from trader.simulation.matching.liquidity import is_reached
from trader.simulation.records.sim_orders import SimOrder, SimRequest


def from_now(request: SimRequest, instrument: Instrument, price: float) -> SimRequest:
    """A request without a stop price, with the level that `price` gives it: what its money is reserved at."""
    level = _level(request.side, exact(price), request.trail_frac)
    return altered(request, stop_price=instrument.round_price(float(level)))


def followed(stop: SimOrder, price: float, now_ms: int) -> SimOrder:
    """The order after `price` was seen; the same object where that changes nothing."""
    if not stop.trail_frac or stop.is_triggered:
        return stop
    seen, best = exact(price), stop.best
    if best is None:
        assert stop.stop_price is not None
        begins = is_reached(stop.side, stop.stop_price, price, stop.trigger)
        return altered(stop, best=seen, follows_since_ms=now_ms) if begins else stop
    is_better = seen > best if stop.side is Side.SELL else seen < best
    return altered(stop, best=seen) if is_better else stop


def is_due(stop: SimOrder, price: float) -> bool:
    """Whether `price` triggers it; one that follows must have seen that price first."""
    if stop.is_triggered:
        return True
    if not stop.trail_frac:
        assert stop.stop_price is not None
        return is_reached(stop.side, stop.stop_price, price, stop.trigger)
    level = trail_level(stop)
    return level is not None and is_reached(stop.side, level, price)


def trail_level(stop: SimOrder) -> Decimal | None:
    """The price that triggers it now; None while it does not follow yet."""
    return None if stop.best is None else _level(stop.side, stop.best, stop.trail_frac)


def _level(side: Side, best: Decimal, trail_frac: Decimal) -> Decimal:
    return best * (1 + side.sign * trail_frac)
