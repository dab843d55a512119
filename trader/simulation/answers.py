"""What the simulated exchange's own records are in the trader's words, and the other way round."""

from collections.abc import Sequence

from trader.domain.account import Payment, PaymentKind
from trader.domain.orders import Approved, Fill, OrderRef, OrderReport
from trader.simulation.derivatives.liquidation import LIQUIDATION_PREFIX
from trader.simulation.records.positions import IncomeKind, SimIncome
from trader.simulation.records.sim_orders import SimOrder, SimRequest, SimTrade

PAYMENTS: dict[IncomeKind, PaymentKind] = {
    "funding": PaymentKind.FUNDING,
    "liquidation": PaymentKind.LIQUIDATION,
}
"""The incomes that are payments; fees and realised profit come with the fills."""


def number_of(ref: OrderRef) -> int | None:
    """The exchange id as ours; None for none or one that cannot be ours (the client id decides then)."""
    return int(ref.exchange_id) if ref.exchange_id is not None and ref.exchange_id.isdigit() else None


def request_of(order: Approved) -> SimRequest:
    intent = order.intent
    return SimRequest(
        symbol=intent.symbol,
        client_id=intent.client_id,
        side=intent.side,
        type=intent.type,
        quantity=intent.quantity,
        price=intent.price,
        stop_price=intent.stop_price,
        time_in_force=intent.time_in_force,
        post_only=intent.post_only,
        reduce_only=intent.reduce_only,
    )


def report_of(order: SimOrder, trades: Sequence[SimTrade] = ()) -> OrderReport:
    return OrderReport(
        symbol=order.symbol,
        client_id=order.client_id,
        exchange_id=str(order.exchange_id),
        status=order.status,
        filled=order.filled,
        ts_ms=order.updated_ms,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        price=order.price,
        stop_price=order.stop_price,
        fills=tuple(fill_of(trade) for trade in trades),
    )


def fill_of(trade: SimTrade) -> Fill:
    return Fill(
        fill_id=str(trade.trade_id),
        symbol=trade.symbol,
        client_id=trade.client_id,
        exchange_order_id=str(trade.exchange_id),
        side=trade.side,
        quantity=trade.quantity,
        price=trade.price,
        fee=trade.fee,
        fee_currency=trade.fee_currency,
        ts_ms=trade.ts_ms,
        is_maker=trade.is_maker,
        realised=trade.realised if ":" in trade.symbol else None,  # perpetuals; a spot trade realises nothing
        is_forced=trade.client_id.startswith(LIQUIDATION_PREFIX),
    )


def payment_of(income: SimIncome) -> Payment:
    return Payment(
        str(income.income_id), PAYMENTS[income.kind], income.symbol, income.asset, income.amount, income.ts_ms
    )
