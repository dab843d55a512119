"""Every cap on what may be opened, in one place: sizing cuts to what they leave, the review refuses what exceeds it."""

from trader.config.risk import RiskSettings
from trader.config.sizing import SizingSettings
from trader.domain.commitments import Commitments, Room
from trader.domain.instrument import Instrument
from trader.domain.reasons import Code
from trader.risk.correlation import Correlations, correlated_exposure

# The portfolio's risk never exceeds this share of equity, whatever is configured.
HARD_PORTFOLIO_RISK_FRAC = 0.20

# An exchange may mark and charge a little beyond our price, so the last half percent is not spendable.
_SPENDABLE = 0.995


def rooms(
    instrument: Instrument,
    stop_frac: float,
    committed: Commitments,
    correlations: Correlations,
    *,
    leverage: float,
    risk: RiskSettings,
    sizing: SizingSettings,
    annual_vol: float = 0.0,
    is_cross: bool = False,
) -> tuple[Room, ...]:
    """What each cap leaves to a position in `instrument` whose stop is `stop_frac` of its price away.

    `committed` holds all that is there already, in `instrument` too. Amounts in quote. The fee of opening comes off the
    equity that a cap is a share of: what fits still fits once it is filled. `is_cross`: the whole account stands
    for each of its margined positions. `annual_vol`: of the instrument, 0 where nobody knows it; what moves more than
    `sizing.reference_vol` may be that much smaller a position.
    """
    symbol, equity = instrument.symbol, committed.equity
    here = committed.of(symbol)
    exposures = {name: each.notional for name, each in committed.by_symbol.items()}
    together = correlated_exposure(symbol, exposures, correlations, risk.correlation_limit)
    portfolio_risk_frac = min(sizing.portfolio_risk_frac, HARD_PORTFOLIO_RISK_FRAC)
    shares = (
        (Code.CAP_POSITION_NOTIONAL, here.notional, _most_notional_frac(annual_vol, sizing), 1.0),
        (Code.CAP_POSITION_RISK, here.risk, sizing.cap_frac, stop_frac),
        (Code.CAP_PORTFOLIO_RISK, committed.risk, portfolio_risk_frac, stop_frac),
        (Code.CAP_EXPOSURE, committed.notional, sizing.exposure_limit_frac, 1.0),
        (Code.CAP_CORRELATED, together, risk.correlated_exposure_frac, 1.0),
    )
    fee = instrument.taker_fee_frac
    capped = (Room(code, used, share * equity, weight + share * fee) for code, used, share, weight in shares)
    free = free_room(instrument, committed, leverage)
    if not (is_cross and instrument.can_short):
        return (*capped, free)
    return (*capped, free, _liquidation(instrument, stop_frac, committed, leverage, risk.liquidation_loss_frac))


def free_room(instrument: Instrument, committed: Commitments, leverage: float) -> Room:
    """What the free balance pays for, or is the margin of."""
    return Room(Code.CAP_FREE_BALANCE, 0.0, committed.free * _SPENDABLE, instrument.margin_frac(leverage))


def _most_notional_frac(annual_vol: float, sizing: SizingSettings) -> float:
    """Largest position value / equity."""
    calm = sizing.reference_vol / annual_vol if annual_vol > sizing.reference_vol else 1.0
    return sizing.position_notional_cap_frac * calm


def _liquidation(
    instrument: Instrument, stop_frac: float, committed: Commitments, leverage: float, loss_frac: float
) -> Room:
    """What an account in cross margin must still have when every stop is hit at once.

    It is liquidated when its equity falls to the maintenance margin. That is taken as what `loss_frac` leaves of the
    initial margin, as for an isolated position, on values at the stops; those of longs, which are smaller there, count
    as if they had grown as those of shorts do. So: losses to the stops + maintenance <= equity. The hedge counts here:
    its margin stands for the same account.
    """
    maintained = (1 - loss_frac) / leverage
    risk = committed.risk + committed.hedge.risk
    used = risk + maintained * (committed.notional + committed.hedge.notional + risk)
    weight = stop_frac + maintained * (1 + stop_frac) + instrument.taker_fee_frac
    return Room(Code.CAP_LIQUIDATION, used, committed.equity, weight)


def positions_with(symbol: str, committed: Commitments) -> int:
    """How many positions there are, entries under way included, once `symbol` is one of them."""
    return len(committed.by_symbol.keys() | {symbol})
