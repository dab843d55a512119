"""What trading here has cost so far: known costs take the place of assumed ones when the next model is trained."""

import contextlib
from collections.abc import Iterable, Mapping
from statistics import fmean

from trader.adapters.ledger import has_ledger, open_ledger
from trader.config.schema import Settings
from trader.domain.decisions import ExecutionReport
from trader.domain.instrument import Instrument
from trader.domain.units import BPS
from trader.execution.costs import ASSUMED_SPREAD_FRAC
from trader.training.dataset import Costs

FEWEST = 20  # executions of a symbol before their mean is believed
_NEWEST = 5_000


def costs_of(settings: Settings, instruments: Mapping[str, Instrument]) -> dict[str, Costs]:
    """Per symbol: the exchange's taker fee, and twice the mean slippage of this account's own executions."""
    found: list[ExecutionReport] = []
    if has_ledger(settings):
        with contextlib.closing(open_ledger(settings)) as ledger:
            found = ledger.executions(limit=_NEWEST)
    return {
        symbol: Costs(taker_fee_frac=one.taker_fee_frac, spread_frac=spread_of(symbol, found))
        for symbol, one in instruments.items()
    }


def spread_of(symbol: str, executions: Iterable[ExecutionReport]) -> float:
    """Spread and impact of a round trip, fraction, against the mid at arrival; assumed while too few are known."""
    known = (one for one in executions if one.symbol == symbol and one.filled and one.arrival_mid)
    slippages = [one.slippage_bps for one in known]
    return max(0.0, 2 * fmean(slippages) / BPS) if len(slippages) >= FEWEST else ASSUMED_SPREAD_FRAC
