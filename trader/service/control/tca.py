"""What execution has cost, added up: by symbol, hour, size and kind of order."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from trader.domain.decisions import ExecutionReport
from trader.domain.orders import Purpose
from trader.domain.units import BPS


class CostRow(msgspec.Struct, frozen=True):
    """Orders of one group. Quote is the account's; bps are of the value traded, above 0 = cost.

    `market_bps`: what market orders for the whole quantities would have cost against the mid at arrival, before fees;
    `saved_bps`: by how much the chosen way (spread and impact) was below that. Both are None where no book was known or
    none held the quantity. `mark_bps`: how far the market had gone against the fills some seconds later.
    """

    by: str
    group: str
    orders: int
    value_quote: float
    filled_frac: float  # of the quantities asked for, by value
    delay_bps: float
    spread_bps: float
    impact_bps: float
    fees_bps: float
    shortfall_bps: float
    shortfall_quote: Decimal
    market_bps: float | None
    saved_bps: float | None
    mark_bps: float | None
    mean_s: float  # from the first order to the last fill


def cost_rows(reports: Iterable[ExecutionReport]) -> list[CostRow]:
    """A row for all, then for each group of each of `GROUPINGS` in turn; orders that got nothing are left out."""
    filled = [report for report in reports if report.filled and report.average_price]
    if not filled:
        return []
    rows = [_row("all", "all", filled)]
    for by, group_of in GROUPINGS.items():
        groups: dict[str, list[ExecutionReport]] = {}
        for report in filled:
            groups.setdefault(group_of(report), []).append(report)
        names = sorted(groups, key=lambda name: _rank(by, name, groups[name]))
        rows += [_row(by, name, groups[name]) for name in names]
    return rows


def _symbol(report: ExecutionReport) -> str:
    return report.symbol


def _hour(report: ExecutionReport) -> str:
    return f"{datetime.fromtimestamp(report.started_ms / 1_000, UTC):%H}:00"


def _size(report: ExecutionReport) -> str:
    """The decade that the value asked for lies in."""
    decade = math.floor(math.log10(float(report.quantity) * report.average_price))
    return f"{_short(decade)} to {_short(decade + 1)}"


def _short(decade: int) -> str:
    """10 to the power of `decade`: 0.1, 10, 1k, 1m."""
    if decade < 0:
        return f"{10.0**decade:.10g}"
    return f"{10 ** (decade % 3)}{'kmbt'[decade // 3 - 1] if decade >= 3 else ''}"


def _kind(report: ExecutionReport) -> str:
    """A stop is a market order by its nature; everything else says what it is for and how it was carried."""
    return "stop" if report.purpose is Purpose.STOP else f"{report.purpose.value} {report.algorithm.value}"


GROUPINGS: Mapping[str, Callable[[ExecutionReport], str]] = {
    "symbol": _symbol,
    "algorithm": _kind,
    "size": _size,
    "hour": _hour,
}


def _rank(by: str, name: str, reports: Sequence[ExecutionReport]) -> tuple[float, str]:
    """Sizes by size, the rest by name."""
    return (min(float(each.quantity) * each.average_price for each in reports) if by == "size" else 0.0), name


def _row(by: str, group: str, reports: Sequence[ExecutionReport]) -> CostRow:
    value = sum(_value(report) for report in reports)
    asked = sum(float(report.quantity) * report.average_price for report in reports)
    split = [_split(report) for report in reports]
    delay, spread, impact, fees = (float(sum(part)) / value * BPS for part in zip(*split, strict=True))
    walked = [report for report in reports if report.arrival_mid and math.isfinite(report.market_order_bps)]
    market = _mean(walked, lambda report: report.market_order_bps)
    taken = _mean(walked, lambda report: report.slippage_bps)
    marked = [report for report in reports if report.mark_price is not None]
    return CostRow(
        by=by,
        group=group,
        orders=len(reports),
        value_quote=value,
        filled_frac=value / asked,
        delay_bps=delay,
        spread_bps=spread,
        impact_bps=impact,
        fees_bps=fees,
        shortfall_bps=delay + spread + impact + fees,
        shortfall_quote=sum((part for parts in split for part in parts), Decimal(0)),
        market_bps=market,
        saved_bps=None if market is None or taken is None else market - taken,
        mark_bps=_mean(marked, _mark_bps),
        mean_s=sum(report.ended_ms - report.started_ms for report in reports) / len(reports) / 1_000,
    )


def _split(report: ExecutionReport) -> tuple[Decimal, Decimal, Decimal, Decimal]:
    """Delay, spread, impact, fees in quote. A row of before knew only its slippage, and half the spread in it."""
    if any((report.delay_quote, report.spread_quote, report.impact_quote)) or report.decision_price is not None:
        return report.delay_quote, report.spread_quote, report.impact_quote, report.fees_quote
    basis = float(report.filled) * report.arrival_mid / BPS
    spread = Decimal(repr(report.spread_bps * basis))
    return Decimal(0), spread, Decimal(repr(report.slippage_bps * basis)) - spread, report.fees_quote


def _value(report: ExecutionReport) -> float:
    return float(report.filled) * report.average_price


def _mark_bps(report: ExecutionReport) -> float:
    return (1 - float(report.mark_price or 0) / report.average_price) * report.side.sign * BPS


def _mean(reports: Sequence[ExecutionReport], of: Callable[[ExecutionReport], float]) -> float | None:
    """Weighted by value."""
    if not reports:
        return None
    return sum(of(report) * _value(report) for report in reports) / sum(_value(report) for report in reports)
