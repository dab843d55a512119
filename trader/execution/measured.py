"""What entries have really cost beyond the model of costs, by algorithm: rows of TCA in, an expected extra cost out.

A row is measured by its fees and

- for an order that rests: its average price against the mid some seconds after (`execution.mark_s`). Those who trade
  with a resting order often know better: the price goes on through it. That adverse selection is what it costs;
- for an order that takes: its average price against the mid at arrival.

What the model said of the same order (fee, half spread, impact paid) is taken off; the mean of the rest is believed by
n / (n + `execution.measured_prior_orders`): the prior is that the model is right.
"""

from collections.abc import Iterable, Mapping

import msgspec

from trader.config.execution import ExecutionSettings
from trader.domain.decisions import ExecutionReport
from trader.domain.orders import AlgorithmName, Purpose
from trader.domain.units import BPS
from trader.execution.algorithms.registry import ALGORITHMS

_REMEMBERED = 200  # orders; from then on an older one counts ever less
_MOST_FRAC = 0.01  # of one order: a crash tells nothing of the next order


class CostTally(msgspec.Struct, frozen=True):
    """How much dearer entries by one algorithm were than the model says, as a fraction of their value."""

    orders: int = 0
    excess_frac: float = 0.0


def measured_frac(report: ExecutionReport) -> float | None:
    """What an order cost to get in, as a fraction of its value; None while that is not known."""
    value = float(report.filled) * report.average_price
    if not value or not report.arrival_mid:
        return None
    fees = float(report.fees_quote) / value
    if not ALGORITHMS[report.algorithm].rests:
        return fees + report.slippage_bps / BPS
    if report.mark_price is None:
        return None
    return fees + report.side.sign * (1 - float(report.mark_price) / report.average_price)


def with_report(tally: CostTally, report: ExecutionReport) -> CostTally:
    """`tally` with one order more, if it was an entry whose cost is known."""
    measured = measured_frac(report)
    if report.purpose is not Purpose.ENTRY or measured is None or report.modelled_quote is None:
        return tally
    modelled = float(report.modelled_quote) / (float(report.filled) * report.average_price)
    excess = min(_MOST_FRAC, max(-_MOST_FRAC, measured - modelled))
    orders = min(tally.orders + 1, _REMEMBERED)
    return CostTally(orders, tally.excess_frac + (excess - tally.excess_frac) / orders)


def tallied(reports: Iterable[ExecutionReport]) -> Mapping[AlgorithmName, CostTally]:
    """By algorithm, what rows of TCA (oldest first) tell."""
    found = dict.fromkeys(AlgorithmName, CostTally())
    for report in reports:
        found[report.algorithm] = with_report(found[report.algorithm], report)
    return found


def extra_frac(tally: CostTally | None, settings: ExecutionSettings) -> float:
    """What the next entry is expected to cost beyond the model; 0 without evidence."""
    if tally is None or not tally.orders:
        return 0.0
    return tally.excess_frac * tally.orders / (tally.orders + settings.measured_prior_orders)
