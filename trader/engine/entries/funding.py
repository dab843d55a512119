"""What a perpetual costs to hold, going by the newest settlement that is known."""

from trader.domain.market import timeframe_ms
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.units import BPS, HOUR_MS
from trader.engine.desk import Desk
from trader.engine.state import Market
from trader.execution.costs import funding_cost_frac

USUAL_MS = 8 * HOUR_MS  # how often most exchanges settle; what `strategy.assumed_funding_frac` is a share of
_OLD_AFTER = 3  # settlements missed, after which the newest known one says nothing of the next


def funding_frac(desk: Desk, market: Market, side: Side, until_ms: int | None = None) -> float:
    """Funding that `side` pays (< 0: is paid) as a fraction of its value, from now until `until_ms`.

    Without `until_ms` over the model's horizon, without a model over one usual period. `strategy.assumed_funding_frac`,
    in proportion to that time and for either side, where no settlement is known or the newest is old; 0 on spot.
    """
    if not market.instrument.can_short:
        return 0.0
    until_ms = desk.now_ms + _horizon_ms(desk) if until_ms is None else until_ms
    known = _known_frac(desk, market, side, until_ms)
    if known is not None:
        return known
    assumed = desk.settings_of(market.instrument.symbol).strategy.assumed_funding_frac
    return assumed * max(0, until_ms - desk.now_ms) / USUAL_MS


def due_reason(desk: Desk, market: Market, side: Side, until_ms: int, edge_frac: float) -> Reason | None:
    """Why a position on `side` is not worth the funding it pays until `until_ms`: that is more than `edge_frac`, its
    edge, and than `risk.funding_exit_bps`. None where it is not, or where no settlement is known.
    """
    least_bps = desk.settings_of(market.instrument.symbol).risk.funding_exit_bps
    due_frac = _known_frac(desk, market, side, until_ms) if market.instrument.can_short else None
    if least_bps is None or due_frac is None or due_frac * BPS <= max(least_bps, edge_frac * BPS):
        return None
    return because(Code.FUNDING_ABOVE_EDGE, funding_bps=due_frac * BPS, edge_bps=edge_frac * BPS)


def _known_frac(desk: Desk, market: Market, side: Side, until_ms: int) -> float | None:
    """Funding until `until_ms` by the newest settlement; None if that is not known, or old."""
    known = market.funding
    if known is None:
        return None
    every_ms, settled = known.every_ms or USUAL_MS, known.funding
    if desk.now_ms - settled.ts_ms > _OLD_AFTER * every_ms:
        return None
    return funding_cost_frac(settled.rate, settled.ts_ms, every_ms, side, desk.now_ms, until_ms)


def _horizon_ms(desk: Desk) -> int:
    model = desk.state.model.in_use
    return USUAL_MS if model is None else model.horizon_candles * timeframe_ms(model.timeframe)
