"""Matching where only candles exist: pessimistic, because a candle hides the order of its prices.

- An order takes part in a candle's range only if it was there before the candle opened.
- Stops go first, at the stop price or, if the candle opened beyond it, at its open, worsened by the slippage.
- A take profit trades at its price, worsened by the slippage, however far the candle went beyond it.
- A limit fills only if the candle traded through its price (touching is not enough), never better than it. One
  that waited for a stop price rests from the candle on that reaches it, and fills in a later one.
- All of it together takes at most the candle's volume.
- Between candles, market orders find one level on each side of the last close, `slippage` away from it.
"""

from trader.domain.instrument import Instrument, Rounding
from trader.domain.market import Candle, Levels
from trader.domain.orders import Side
from trader.simulation.matching.liquidity import is_reached
from trader.simulation.records.sim_orders import SimOrder


def worse(instrument: Instrument, side: Side, price: float, slippage_frac: float) -> float:
    """The price an order of `side` pays around `price`: worse by the slippage, then by rounding to the tick."""
    rounding = Rounding.UP if side is Side.BUY else Rounding.DOWN
    return float(instrument.round_price(price * (1 + side.sign * slippage_frac), rounding))


def stand_in_book(instrument: Instrument, candle: Candle, slippage_frac: float) -> tuple[Levels, Levels]:
    """(bids, asks) that stand in for a book after `candle`: one level each, holding the candle's volume."""
    bid = worse(instrument, Side.SELL, candle.close, slippage_frac)
    ask = worse(instrument, Side.BUY, candle.close, slippage_frac)
    return ((bid, candle.volume),), ((ask, candle.volume),)


def stop_fill_price(instrument: Instrument, stop: SimOrder, candle: Candle, slippage_frac: float) -> float | None:
    """Where `stop` trades inside `candle` (for a limit order: not before); None if the candle does not reach it."""
    if stop.stop_price is None or stop.created_ms > candle.open_ms:
        return None
    rises = (stop.side is Side.BUY) == (stop.trigger == "stop")
    if not is_reached(stop.side, stop.stop_price, candle.high if rises else candle.low, stop.trigger):
        return None
    price = float(stop.stop_price)
    if stop.trigger == "stop":
        price = max(price, candle.open) if rises else min(price, candle.open)
    return worse(instrument, stop.side, price, slippage_frac)


def is_traded_through(order: SimOrder, candle: Candle) -> bool:
    """Whether `candle` traded beyond the limit price of a resting order."""
    if order.price is None or order.created_ms > candle.open_ms:
        return False
    price = float(order.price)
    return candle.low < price if order.side is Side.BUY else candle.high > price
