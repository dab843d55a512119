"""Whether a symbol is worth trading at all: enough is traded in it, and its spread and its tick are small."""

from trader.config.strategy import StrategySettings
from trader.domain.instrument import Instrument
from trader.domain.market import Book
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import BPS
from trader.domain.workings import Asked, GateName


def unsuitable(
    instrument: Instrument, book: Book, atr: float, day_quote: float | None, settings: StrategySettings, asked: Asked
) -> list[Reason]:
    """Every reason why the symbol is only observed, with its numbers; what was asked is noted in `asked`.

    `atr` in quote; `day_quote` None: not known.
    """
    spread_frac, tick, reasons = book.spread_frac, float(instrument.price_tick), []
    least, widest_bps, coarsest = (
        settings.least_day_volume_quote,
        settings.widest_spread_bps,
        settings.coarsest_tick_atr,
    )
    if day_quote is not None and day_quote < least:
        thin = because(Code.THIN_VOLUME, instrument.quote, day_quote=day_quote, least_quote=least)
        reasons.append(asked.refuses(GateName.DAY_VOLUME, thin, day_quote, least))
    else:
        asked.meets(GateName.DAY_VOLUME, day_quote, least)
    if spread_frac * BPS > widest_bps:
        wide = because(Code.WIDE_SPREAD, spread_bps=spread_frac * BPS, most_bps=widest_bps)
        reasons.append(asked.refuses(GateName.SPREAD, wide, spread_frac, widest_bps / BPS))
    else:
        asked.meets(GateName.SPREAD, spread_frac, widest_bps / BPS)
    share = tick / atr if atr > 0 else float("inf")
    if tick > coarsest * atr:
        coarse = because(Code.COARSE_TICK, share=share, most=coarsest)
        reasons.append(asked.refuses(GateName.TICK, coarse, share, coarsest))
    else:
        asked.meets(GateName.TICK, share, coarsest)
    return reasons
