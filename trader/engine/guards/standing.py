"""How symbols stand beside the market: the trades they closed, and what people have said of them."""

from collections.abc import Sequence
from itertools import takewhile

from trader.config.schema import Settings
from trader.domain.decisions import ClosedTrade, Level, RecordTrade
from trader.domain.market import timeframe_ms
from trader.domain.overrides import AS_USUAL, Override, OverrideAsked, Stance
from trader.domain.reasons import Code, Reason, because, told
from trader.domain.signals import HEDGE, ModelVerdict, StrategyVerdict
from trader.domain.units import DAY_MS
from trader.engine.desk import Desk
from trader.engine.guards import guard
from trader.engine.state import EngineState
from trader.risk.cost_budget import Budget, budget_of
from trader.risk.locks import Lock, locks_on

_NO_RECORD = (because(Code.NO_TRADES),)


def on_closed(desk: Desk, trade: ClosedTrade) -> None:
    """A position ended: it is recorded, and locks that follow from it are told once."""
    desk.emit(RecordTrade(trade))
    if trade.strategy_id == HEDGE:
        desk.state.standing.trades.append(trade)
        return  # what a hedge loses the others have gained: it says nothing of how trading goes
    guard.trade_closed(desk, float(trade.profit_quote))
    before = {lock.reason.code for lock in locks(desk, trade.symbol)}
    desk.state.standing.trades.append(trade)
    for lock in locks(desk, trade.symbol):
        if lock.reason.code not in before:
            desk.notify(Level.WARNING, "symbol.locked", str(lock.reason), symbol=trade.symbol)


def on_verdict(desk: Desk, judged: StrategyVerdict) -> None:
    """Remember what the record says of a strategy; a person is told when it may trade now, or may not any more."""
    verdicts = desk.state.standing.verdicts
    before = verdicts.get(judged.strategy_id)
    verdicts[judged.strategy_id] = judged
    desk.keep("verdict", judged.strategy_id, judged)
    if before is not None and before.verdict is not judged.verdict:
        why = f" ({told(judged.reasons, ', ')})" if judged.reasons else ""
        level = Level.INFO if judged.verdict is ModelVerdict.TRADE else Level.ALERT
        desk.notify(level, "strategy.judged", f"{judged.strategy_id}: {judged.verdict.value}{why}")


def evidence_reasons(desk: Desk, strategy_id: str) -> list[Reason]:
    """Why a strategy without a model may not trade where the gate is enforced."""
    judged = desk.state.standing.verdicts.get(strategy_id, StrategyVerdict(strategy_id, reasons=_NO_RECORD))
    if judged.verdict is ModelVerdict.TRADE:
        return []
    return [because(Code.STRATEGY_WITHOUT_EVIDENCE, strategy_id, judged.reasons)]


def was_left_since(desk: Desk, symbol: str, close_ms: int) -> bool:
    """Whether a position was closed since a close: what was sold then is not bought back with its forecast."""
    recent = takewhile(lambda trade: trade.closed_ms >= close_ms, reversed(desk.state.standing.trades))
    return any(trade.symbol == symbol for trade in recent)


def override(desk: Desk, asked: OverrideAsked, by: str) -> Override:
    """Add to what holds for a symbol what a person asks for; remembered until it is cleared."""
    overrides = desk.state.standing.overrides
    said = of_symbol(desk, asked.symbol).after(asked, by, desk.now_ms)
    if said.is_empty:
        overrides.pop(asked.symbol, None)
    else:
        overrides[asked.symbol] = said
    desk.keep("override", asked.symbol, None if said.is_empty else said)
    return said


def of_symbol(desk: Desk, symbol: str) -> Override:
    """What people have said of it."""
    return desk.state.standing.overrides.get(symbol, AS_USUAL)


def locks(desk: Desk, symbol: str) -> tuple[Lock, ...]:
    """Why `symbol` is left alone now, and until when. Locks only end with time: none stays none until a trade ends."""
    newest = _newest(desk)
    if symbol in desk.unlocked and desk.unlocked[symbol] is newest:
        return ()
    found = locks_of(desk.state, desk.settings, symbol, desk.now_ms)
    if not found:
        desk.unlocked[symbol] = newest
    return found


def budget(desk: Desk, symbol: str) -> Budget:
    """What costs were to the strategy of `symbol`; looked at anew when a trade ends, and once a day."""
    day, newest, known = desk.now_ms // DAY_MS, _newest(desk), desk.budgets.get(symbol)
    if known is not None and known[0] == day and known[1] is newest:
        return known[2]
    settings, strategy_id = desk.settings_of(symbol).strategy, desk.strategies[symbol].strategy_id
    found = budget_of(strategy_id, desk.state.standing.trades, desk.now_ms, settings)
    desk.budgets[symbol] = day, newest, found
    return found


def _newest(desk: Desk) -> ClosedTrade | None:
    trades = desk.state.standing.trades
    return trades[-1] if trades else None


def locks_of(state: EngineState, settings: Settings, symbol: str, now_ms: int) -> tuple[Lock, ...]:
    """`locks`, for whoever has no desk."""
    trades: Sequence[ClosedTrade] = [trade for trade in state.standing.trades if trade.strategy_id != HEDGE]
    said = state.standing.overrides.get(symbol)
    if said is not None and said.unlocked_ms:
        trades = [trade for trade in trades if trade.closed_ms > said.unlocked_ms]
    return locks_on(symbol, trades, now_ms, timeframe_ms(settings.market.timeframe), settings.locks)


def forbidden(desk: Desk, symbol: str) -> tuple[Reason, ...]:
    """What a person has said, where it forbids to open anything in `symbol`."""
    said = of_symbol(desk, symbol)
    return said_reasons(desk, symbol) if not said.stance.opens or said.factor == 0 else ()


def must_leave(desk: Desk, symbol: str) -> bool:
    """Whether something is held that a person has banned, and that nobody is selling yet."""
    is_banned = of_symbol(desk, symbol).stance is Stance.BAN
    return is_banned and bool(desk.held(symbol)) and symbol not in desk.state.positions.exits


def size_share(desk: Desk, symbol: str) -> float:
    """Share of the usual size that a person lets it have."""
    return of_symbol(desk, symbol).factor


def said_reasons(desk: Desk, symbol: str) -> tuple[Reason, ...]:
    """What a person has said, for decision rows; nothing where it is traded as usual."""
    said = of_symbol(desk, symbol)
    return (because(Code.OVERRIDDEN, f"{said.words} by {said.by}"),) if said.words else ()
