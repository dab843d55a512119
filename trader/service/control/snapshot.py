"""The status of the running daemon, from the engine's state."""

import os
from collections.abc import Mapping

import msgspec

from trader import __version__
from trader.config.schema import Settings
from trader.domain.account import Position
from trader.domain.commitments import Commitments
from trader.domain.reasons import texts
from trader.domain.signals import HEDGE, StrategyVerdict
from trader.engine.guards.standing import locks_of
from trader.engine.state import EngineState
from trader.engine.state.worth import commitments_now
from trader.execution.algorithms.registry import AlgorithmState
from trader.risk.stops import PositionPlan
from trader.runtime.outlets import OutletStatus
from trader.service.control.reports import position_status
from trader.service.control.status import (
    AlgorithmStatus,
    Counters,
    DustStatus,
    HedgeStatus,
    ModelStatus,
    MoneyStatus,
    PositionStatus,
    RecorderStatus,
    StatusSnapshot,
    StrategyStatus,
    SymbolStatus,
)


def snapshot(
    settings: Settings,
    state: EngineState,
    *,
    started_ms: int,
    market_ms: int,
    events: int,
    errors: int,
    recorder: RecorderStatus | None = None,
    outlets: tuple[OutletStatus, ...] = (),
    model: ModelStatus | None = None,
    strategies: Mapping[str, str] | None = None,
) -> StatusSnapshot:
    """Everything `trader status` shows. Call it on the loop's thread. `started_ms` is the machine's time."""
    committed = commitments_now(state, settings)
    return StatusSnapshot(
        running=True,
        mode=settings.mode,
        exchange=settings.exchange.title,
        trading_state=state.guard.breakers.trading_state.value,
        trading_reasons=texts(state.guard.breakers.reasons),
        phase="stopping" if state.is_stopping else "trading" if state.account.is_reconciled else "reconciling",
        pid=os.getpid(),
        version=__version__,
        timeframe=settings.market.timeframe,
        started_ms=started_ms,
        market_ms=market_ms,
        speed=state.speed,
        model=model or _model(state),
        strategies=tuple(_strategy(judged) for judged in state.standing.verdicts.values()),
        money=_money(state, committed),
        hedge=_hedge(state, settings, committed),
        symbols=tuple(
            _symbol(settings, state, symbol, market_ms, (strategies or {}).get(symbol, "")) for symbol in state.markets
        ),
        positions=tuple(_position(state, position) for position in state.account.ledger.positions.values()),
        dust=_dust(state),
        open_orders=len(state.orders.tracker.open_orders()),
        algorithms=tuple(_algorithm(algorithm) for algorithm in state.orders.algorithms.values()),
        counters=Counters(
            events=events,
            decisions=state.counters["decisions"],
            orders=state.counters["orders"],
            fills=state.counters["fills"],
            errors=errors,
            unusable=state.counters["unusable"],
            failed=state.counters["failed"],
        ),
        recorder=recorder,
        outlets=outlets,
        last_reconciled_ms=state.account.last_reconciled_ms or None,
    )


def _model(state: EngineState) -> ModelStatus | None:
    model = state.model.in_use
    if model is None:
        return None
    return ModelStatus(model_id=model.model_id, verdict=model.verdict, reasons=texts(model.reasons))


def _strategy(judged: StrategyVerdict) -> StrategyStatus:
    return StrategyStatus(
        strategy_id=judged.strategy_id,
        verdict=judged.verdict.value,
        reasons=texts(judged.reasons),
        trades=judged.trades,
        net_bps=judged.net_bps,
        days_to_decision=judged.days_to_decision,
    )


def _money(state: EngineState, committed: Commitments | None) -> MoneyStatus | None:
    equity = state.guard.equity
    if equity is None or committed is None:
        return None
    return MoneyStatus(
        equity=equity.equity,
        cash=equity.cash,
        exposure=committed.notional,
        at_risk=committed.risk,
        peak=equity.peak,
        day_start=equity.day_start,
        currency=next(iter(state.markets.values())).instrument.quote,
    )


def _hedge(state: EngineState, settings: Settings, committed: Commitments | None) -> HedgeStatus:
    missing = state.hedge.missing if settings.risk.hedge else "risk.hedge is off"
    return HedgeStatus(
        beta=state.hedge.beta,
        symbol=state.positions.hedge,
        value_quote=0.0 if committed is None else committed.hedge.net,
        missing="" if missing is None else str(missing),
    )


def _symbol(settings: Settings, state: EngineState, symbol: str, now_ms: int, strategy: str) -> SymbolStatus:
    market, said = state.markets[symbol], state.standing.overrides.get(symbol)
    return SymbolStatus(
        symbol=symbol,
        strategy=strategy,
        stream=market.stream.value,
        last_price=market.mid,
        regime=market.regime.value if market.regime else "",
        candle_close_ms=market.candle.close_ms if market.candle else None,
        reason=market.stream_reason if market.stream != "live" else "",
        override=f"{said.words} by {said.by}" if said is not None and said.words else "",
        locks=texts(lock.reason for lock in locks_of(state, settings, symbol, now_ms)),
    )


def _position(state: EngineState, position: Position) -> PositionStatus:
    mid = state.markets[position.symbol].mid
    plan = state.positions.plans.get(position.symbol)
    quantity = float(position.quantity)
    return msgspec.structs.replace(
        position_status(position, state.orders.tracker.open_orders(position.symbol)),
        last_price=mid,
        value_quote=None if mid is None else quantity * mid,
        unrealised_quote=None if mid is None else quantity * (mid - float(position.entry_price)),
        take_profit=plan.take_profit_price if plan else None,
        stage="" if plan is None else _stage(plan),
    )


def _dust(state: EngineState) -> tuple[DustStatus, ...]:
    mids = {market.instrument.base: market.mid for market in state.markets.values()}
    return tuple(
        DustStatus(
            currency=currency,
            quantity=format(quantity, "f"),
            value_quote=None if (mid := mids.get(currency)) is None else float(quantity) * mid,
        )
        for currency, quantity in sorted(state.account.ledger.dust.items())
    )


def _stage(plan: PositionPlan) -> str:
    if plan.strategy_id == HEDGE:
        return "hedge"
    reached = "trailing" if plan.trailing else "partial" if plan.partial_done else "initial"
    if not plan.is_adopted:
        return reached
    return "adopted" if reached == "initial" else f"adopted, {reached}"


def _algorithm(algorithm: AlgorithmState) -> AlgorithmStatus:
    return AlgorithmStatus(
        parent_id=algorithm.parent_id,
        symbol=algorithm.symbol,
        side=algorithm.side.value,
        algorithm=algorithm.algorithm,
        purpose=algorithm.purpose.value,
        quantity=format(algorithm.quantity, "f"),
        filled=format(algorithm.filled, "f"),
        progress=f"order {algorithm.step}",
        started_ms=algorithm.started_ms,
        ends_ms=algorithm.deadline_ms,
    )
