"""How what was sized is carried to the market: by which algorithm, how much of it, and whether that pays."""

import math
from typing import NamedTuple

import msgspec

from trader.domain.instrument import Rounding
from trader.domain.market import Book
from trader.domain.orders import AlgorithmName, Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import BPS
from trader.domain.workings import Asked, GateName
from trader.engine.desk import Desk
from trader.engine.state import Market
from trader.engine.tca import extra_cost_frac
from trader.execution.algorithms.registry import ALGORITHMS
from trader.execution.costs import entry_cost_frac, round_trip_cost_frac
from trader.execution.planner import choose_algorithm, impact_paid, most_carried
from trader.sizing.limits import Sized, Unsized
from trader.strategy.proposal import Enter


class Carried(NamedTuple):
    """A quantity with the algorithm that carries it."""

    sized: Sized
    algorithm: AlgorithmName
    impact: Reason
    whole_impact_frac: float  # of the whole quantity against the touch, which the algorithm was chosen by
    impact_frac: float  # what each side of a round trip pays of it
    modelled_frac: float  # what getting in is modelled to cost: fee, half the spread, impact


def carry(desk: Desk, market: Market, book: Book, wanted: Enter, sized: Sized) -> Carried | Unsized:
    """The algorithm for `sized`, and as much of it as that can carry through a book like `book`."""
    symbol, side = market.instrument.symbol, wanted.side
    settings = desk.settings_of(symbol).execution
    chosen = choose_algorithm(book, side, sized.quantity, settings, urgency=wanted.urgency)
    most = most_carried(chosen.algorithm, book, side, settings)
    within = sized if float(sized.quantity) <= most else _smaller(market, book, side, sized, most)
    if isinstance(within, Unsized):
        return within
    paid = impact_paid(chosen.algorithm, book, side, within.quantity, settings)
    rests = ALGORITHMS[chosen.algorithm].rests
    modelled = entry_cost_frac(market.instrument, book, maker_entry=rests, impact_frac=paid)
    return Carried(within, chosen.algorithm, _impact_reason(chosen.impact_frac), chosen.impact_frac, paid, modelled)


def too_dear(
    desk: Desk, market: Market, book: Book, wanted: Enter, carried: Carried, funding_frac: float, asked: Asked
) -> Reason | None:
    """The edge, where one was estimated, must pay for what the algorithm pays of this quantity's impact too.

    Getting in is taken at what it has cost so far, as far as that is known.
    """
    if wanted.edge_frac is None:
        return None
    extra_frac = extra_cost_frac(desk, market.instrument.symbol, carried.algorithm)
    cost_frac = round_trip_cost_frac(
        market.instrument,
        book,
        impact_frac=carried.impact_frac,
        funding_frac=funding_frac,
        measured_entry_frac=carried.modelled_frac + extra_frac,
    )
    if wanted.edge_frac >= cost_frac:
        asked.meets(GateName.IMPACT, wanted.edge_frac, cost_frac)
        return None
    reason = because(Code.EDGE_BELOW_IMPACT, edge_bps=wanted.edge_frac * BPS, cost_bps=cost_frac * BPS)
    return asked.refuses(GateName.IMPACT, reason, wanted.edge_frac, cost_frac)


def _smaller(market: Market, book: Book, side: Side, sized: Sized, most: float) -> Sized | Unsized:
    """`sized` cut to `most` (base), or no trade where that is too little for the exchange."""
    instrument = market.instrument
    quantity, cut = instrument.round_quantity(most), (*sized.limits, because(Code.CAP_BOOK))
    price = instrument.round_price(*((book.ask, Rounding.DOWN) if side is Side.BUY else (book.bid, Rounding.UP)))
    refusal = instrument.refusal(quantity, price)
    if refusal is not None:
        return Unsized(msgspec.structs.replace(refusal, causes=cut))
    share = float(quantity / sized.quantity)
    risk_frac = sized.risk_frac * share
    factors = msgspec.structs.replace(sized.factors, book=share, risk_frac=risk_frac)
    return msgspec.structs.replace(
        sized, quantity=quantity, risk_frac=risk_frac, notional=sized.notional * share, limits=cut, factors=factors
    )


def _impact_reason(impact_frac: float) -> Reason:
    """Of the whole order against the touch, as the algorithm was chosen by it."""
    if math.isinf(impact_frac):
        return because(Code.BEYOND_BOOK)
    return because(Code.IMPACT, impact_bps=impact_frac * BPS)
