"""One log line per decision and per order step, with the ids that lead from candle to fill."""

from typing import Any, assert_never

import structlog

from trader.domain.decisions import (
    AnswerCommand,
    CancelOrder,
    Decision,
    KeepBalance,
    KeepFill,
    KeepOrder,
    KeepPayment,
    KeepPosition,
    KeepState,
    KeepTradingState,
    Level,
    MarkExecution,
    Notify,
    QueryOrder,
    RecordDecision,
    RecordEquity,
    RecordExecution,
    RecordTrade,
    RequestReconcile,
    SetTimer,
    SubmitOrder,
)
from trader.domain.events import CandleClosed, ModelChanged, StreamChanged
from trader.domain.orders import Order, OrderStatus, OrderType
from trader.domain.reasons import texts, told
from trader.domain.signals import DecisionRecord
from trader.domain.units import BPS
from trader.runtime.turn import Turn

log = structlog.get_logger("engine")

_REMEMBERED = 1_000
_SEVERITY = {Level.INFO: log.info, Level.WARNING: log.warning, Level.ALERT: log.error}


class Narrator:
    """The outlet that logs what came in, if a person cares, and what was decided. An order's state is told when it
    changes.
    """

    name = "narrator"

    def __init__(self) -> None:
        self._told: dict[str, OrderStatus] = {}  # client id -> the last state that was told

    def hear(self, turn: Turn) -> None:
        """The lines of one turn."""
        match turn.event:
            case StreamChanged(symbol=symbol, state=state, reason=reason):
                log.info("stream.changed", symbol=symbol, state=state.value, reason=reason)
            case ModelChanged(model=model):
                log.info(
                    "model.active",
                    model=model.model_id,
                    verdict=model.verdict.value,
                    reasons=list(texts(model.reasons)),
                )
            case CandleClosed(candle=candle):
                log.debug("candle.closed", symbol=candle.symbol, open_ms=candle.open_ms, close=candle.close)
            case _:
                pass
        for decision in turn.decisions:
            if not isinstance(decision, KeepOrder) or self._is_news(decision.order):
                _tell(decision)

    def _is_news(self, order: Order) -> bool:
        """Sending and partial fills have lines of their own."""
        if self._told.get(order.client_id) is order.status:
            return False
        self._told[order.client_id] = order.status
        if len(self._told) > _REMEMBERED:
            self._told.pop(next(iter(self._told)))
        return order.status not in (OrderStatus.PENDING, OrderStatus.PARTIALLY_FILLED)


def _proposed_by(record: DecisionRecord) -> dict[str, Any]:
    """The strategy, if it is not the model's own, and what the model said, if there is one."""
    words: dict[str, Any] = {} if record.strategy_id == "ensemble" else {"strategy": record.strategy_id}
    if record.model_id:
        words |= {"prediction_bps": round(record.prediction * BPS, 1), "win": round(record.win_probability, 3)}
    return words


def _tell(decision: Decision) -> None:
    match decision:
        case RecordDecision(record=r):
            order = {"side": r.side, "quantity": str(r.quantity), "algorithm": r.algorithm} if r.quantity else {}
            log.info(
                "decision.made",
                verdict=r.verdict.value,
                symbol=r.symbol,
                regime=r.regime.value,
                **_proposed_by(r),
                edge_bps=round(r.edge_bps, 1),
                cost_bps=round(r.cost_bps, 1),
                why=told(r.reasons),
                **order,
                decision_id=r.decision_id,
            )
        case SubmitOrder(approved=approved, replaces=replaces):
            intent = approved.intent
            log.info(
                "order.submitted",
                symbol=intent.symbol,
                purpose=intent.purpose.value,
                side=intent.side.value,
                type=_type_word(intent.type, intent.post_only, intent.time_in_force.value),
                quantity=str(intent.quantity),
                price=str(intent.stop_price or intent.price or "market"),
                **({"replaces": replaces.client_id} if replaces else {}),
                client_id=intent.client_id,
                parent_id=intent.parent_id,
            )
        case CancelOrder(ref=ref):
            log.info("order.cancelling", symbol=ref.symbol, client_id=ref.client_id)
        case KeepOrder(order=order):
            log.info(
                f"order.{order.status.value}",
                symbol=order.symbol,
                purpose=order.intent.purpose.value,
                side=order.intent.side.value,
                filled=f"{order.filled}/{order.intent.quantity}",
                **({"average": f"{order.average_price:.8g}"} if order.average_price else {}),
                **({"reason": str(order.refusal)} if order.refusal else {}),
                client_id=order.client_id,
            )
        case KeepFill(fill=fill):
            log.info(
                "fill.booked",
                symbol=fill.symbol,
                side=fill.side.value,
                quantity=str(fill.quantity),
                price=str(fill.price),
                fee=f"{fill.fee} {fill.fee_currency}",
                fill_id=fill.fill_id,
                client_id=fill.client_id,
            )
        case KeepPayment(payment=payment):
            log.info(
                "payment.booked",
                kind=payment.kind.value,
                symbol=payment.symbol,
                amount=f"{payment.amount} {payment.currency}",
                payment_id=payment.payment_id,
            )
        case RecordTrade(trade=trade):
            log.info(
                "trade.closed",
                symbol=trade.symbol,
                side=trade.side,
                entry=f"{trade.entry_price:.8g}",
                exit=f"{trade.exit_price:.8g}",
                profit=f"{trade.profit_quote:.4f}",
                fees=f"{trade.fees_quote:.4f}",
                reason=trade.reason,
            )
        case RecordExecution(report=report):
            log.info(
                "execution.finished",
                symbol=report.symbol,
                algorithm=report.algorithm,
                purpose=report.purpose,
                filled=f"{report.filled}/{report.quantity}",
                slippage_bps=round(report.slippage_bps, 2),
                orders=report.orders,
                parent_id=report.parent_id,
            )
        case KeepTradingState(state=state, reasons=reasons):
            log.warning("trading.state_changed", state=state.value, reasons=list(texts(reasons)))
        case Notify(level=level, event=event, message=message, symbol=symbol, ref=ref):
            ids = {key: value for key, value in (("symbol", symbol), ("ref", ref)) if value}
            _SEVERITY[level](event, message=message, **ids)
        case AnswerCommand(command_id=command_id, message=message):
            log.info("command.done", command_id=command_id, message=message)
        case (
            QueryOrder()
            | RequestReconcile()
            | SetTimer()
            | KeepPosition()
            | KeepBalance()
            | KeepState()
            | RecordEquity()
            | MarkExecution()
        ):
            pass  # steps on the way, of interest to nobody but the engine
        case _:
            assert_never(decision)


def _type_word(kind: OrderType, post_only: bool, time_in_force: str) -> str:
    if kind is OrderType.LIMIT:
        return "limit post-only" if post_only else f"limit {time_in_force}"
    return kind.value.replace("_", " ")
