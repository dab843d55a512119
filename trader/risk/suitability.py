"""Whether a symbol is worth trading at all: enough is traded in it, and its spread and its tick are small."""

from trader.config.strategy import StrategySettings
from trader.domain.instrument import Instrument
from trader.domain.market import Book
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import BPS


def unsuitable(
    instrument: Instrument, book: Book, atr: float, day_quote: float | None, settings: StrategySettings
) -> list[Reason]:
    """Every reason why the symbol is only observed, with its numbers. `atr` in quote; `day_quote` None: not known."""
    spread_bps = (book.ask - book.bid) / book.mid * BPS
    tick = float(instrument.price_tick)
    reasons = []
    if day_quote is not None and day_quote < settings.least_day_volume_quote:
        least = settings.least_day_volume_quote
        reasons.append(because(Code.THIN_VOLUME, instrument.quote, day_quote=day_quote, least_quote=least))
    if spread_bps > settings.widest_spread_bps:
        reasons.append(because(Code.WIDE_SPREAD, spread_bps=spread_bps, most_bps=settings.widest_spread_bps))
    if tick > settings.coarsest_tick_atr * atr:
        share = tick / atr if atr > 0 else float("inf")
        reasons.append(because(Code.COARSE_TICK, share=share, most=settings.coarsest_tick_atr))
    return reasons
