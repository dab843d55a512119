"""What came of a decision: orders, fills, their cost, the position."""

from trader.domain.decisions import ClosedTrade, ExecutionReport
from trader.domain.orders import Order, Purpose, Side
from trader.domain.signals import DecisionRecord, Verdict
from trader.domain.units import BPS
from trader.ports import Aftermath
from trader.service.explaining.lines import Line, Section
from trader.service.explaining.wording import amount, at, clock, money, price

_MOST = 6
"""Orders that are listed; one that is sliced has many."""


def happened(record: DecisionRecord, after: Aftermath) -> Section:
    """Oldest first. Nothing where nothing was done."""
    first_stop = next((order for order in after.orders if order.intent.purpose is Purpose.STOP), None)
    orders = [order for order in after.orders if order.intent.purpose is not Purpose.STOP]
    lines = [Line(clock(order.created_ms), _order(order)) for order in orders[:_MOST]]
    if len(orders) > _MOST:
        lines.append(Line("", f"and {len(orders) - _MOST} more orders"))
    if first_stop is not None and first_stop.intent.stop_price is not None:
        lines.append(Line(clock(first_stop.created_ms), f"stop at {price(first_stop.intent.stop_price)}"))
    lines += [Line("cost", _cost(report)) for report in after.executions]
    if after.trade is not None:
        lines.append(Line("closed", _trade(after.trade)))
    elif after.position is not None:
        held = after.position
        text = f"{amount(abs(held.quantity))} at {price(held.entry_price)} since {at(held.opened_ms)}"
        lines.append(Line("still open", text))
    if not lines and record.verdict in (Verdict.ENTER, Verdict.EXIT):
        lines.append(Line("orders", "none is on record"))
    return Section("What happened after", tuple(lines))


def _order(order: Order) -> str:
    intent = order.intent
    limit = "" if intent.price is None else f" at {price(intent.price)}"
    filled = f"{order.status.value.replace('_', ' ')}"
    if order.average_price is not None:
        filled += f", {amount(order.filled)} at {price(order.average_price)}"
    no = f" ({order.refusal})" if order.refusal is not None else ""
    what = f"{intent.purpose.value}: {intent.side.value} {amount(intent.quantity)} {intent.type.value}{limit}"
    return f"{what}, {filled}{no}"


def _cost(report: ExecutionReport) -> str:
    """The whole against the price when it was decided; slippage, also a market order's, against that of arrival."""
    worth = float(report.average_price * float(report.filled)) or 1.0
    in_all, delay, fees = (
        float(part) / worth * BPS for part in (report.shortfall_quote, report.delay_quote, report.fees_quote)
    )
    return (
        f"{in_all:.1f} bp ({money(report.shortfall_quote)}) in all by {report.algorithm.value}: delay {delay:.1f} bp, "
        f"slippage {report.slippage_bps:.1f} bp, fees {fees:.1f} bp ({money(report.fees_quote)}); "
        f"a market order's slippage would have been {report.market_order_bps:.1f} bp"
    )


def _trade(trade: ClosedTrade) -> str:
    side = "long" if trade.side is Side.BUY else "short"
    return (
        f"{side} from {price(trade.entry_price)} to {price(trade.exit_price)} at {at(trade.closed_ms)}, "
        f"{trade.reason.value.replace('_', ' ')}: {money(trade.profit_quote)} ({trade.return_frac:+.2%}) after fees"
    )
