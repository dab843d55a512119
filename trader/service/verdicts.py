"""What the records say of strategies without a model: judged at start, again while the daemon runs, and by `doctor`."""

import asyncio
from collections.abc import Callable, Iterable, Mapping

import structlog

from trader.adapters.ledger import has_ledger, open_ledger
from trader.config.schema import Settings
from trader.domain.decisions import ClosedTrade
from trader.domain.errors import Misconfigured
from trader.domain.events import StrategyJudged
from trader.domain.signals import StrategyVerdict
from trader.models.record import judge_record
from trader.ports import Clock
from trader.strategy.base import Strategy

EVERY_S = 3_600.0  # real seconds; a record of days changes no faster
_MOST_TRADES = 100_000

log = structlog.get_logger("app")


def judged(settings: Settings, strategy_ids: Iterable[str], now_ms: int) -> list[StrategyVerdict]:
    """The verdict on each strategy, from this account's closed trades and those of the same market's paper account."""
    trades = recorded_trades(settings)
    return [judge_record(strategy_id, trades, now_ms) for strategy_id in sorted(set(strategy_ids))]


def recorded_trades(settings: Settings) -> list[ClosedTrade]:
    """Those of the paper account and, where that is another, of the live one. A ledger that cannot be read has none."""
    accounts = {each.account_dir: each for each in (settings, settings.model_copy(update={"mode": "paper"}))}
    found: list[ClosedTrade] = []
    for account in accounts.values():
        if not has_ledger(account):
            continue
        try:
            ledger = open_ledger(account)
        except Misconfigured as problem:
            log.warning("verdict.unread", message=str(problem).splitlines()[0])
            continue
        try:
            found += ledger.trades(limit=_MOST_TRADES)
        finally:
            ledger.close()
    return found


def rules(strategies: Mapping[str, Strategy]) -> list[str]:
    """The strategies that go by no model: their record is their evidence."""
    return sorted({one.strategy_id for one in strategies.values() if not one.needs_forecast})


async def keep_judging(
    settings: Settings, strategy_ids: list[str], clock: Clock, put: Callable[[StrategyJudged], None]
) -> None:
    """Judge again and again, until cancelled."""
    while strategy_ids:
        await asyncio.sleep(EVERY_S)
        for verdict in await asyncio.to_thread(judged, settings, strategy_ids, clock.now_ms()):
            put(StrategyJudged(verdict=verdict))
