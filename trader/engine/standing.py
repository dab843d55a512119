"""How symbols and strategies stand, beside the market: the trades they closed, and what follows from those."""

from trader.domain.decisions import ClosedTrade, Level, RecordTrade
from trader.domain.market import timeframe_ms
from trader.domain.reasons import Reason
from trader.engine import guard
from trader.engine.desk import Desk
from trader.risk.locks import Lock, locks_on


def on_closed(desk: Desk, trade: ClosedTrade) -> None:
    """A position ended: it is recorded, and locks that follow from it are told once."""
    desk.emit(RecordTrade(trade))
    guard.trade_closed(desk, float(trade.profit_quote))
    before = {lock.reason.code for lock in locks(desk, trade.symbol)}
    desk.state.standing.trades.append(trade)
    for lock in locks(desk, trade.symbol):
        if lock.reason.code not in before:
            desk.notify(Level.WARNING, "symbol.locked", str(lock.reason), symbol=trade.symbol)


def locks(desk: Desk, symbol: str) -> tuple[Lock, ...]:
    """Why `symbol` is left alone now, and until when."""
    settings = desk.settings
    return locks_on(
        symbol, desk.state.standing.trades, desk.now_ms, timeframe_ms(settings.market.timeframe), settings.locks
    )


def reasons(desk: Desk, symbol: str) -> list[Reason]:
    """Why nothing is opened in `symbol`, though the market would do."""
    return [lock.reason for lock in locks(desk, symbol)]
