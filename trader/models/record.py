"""The verdict of a strategy without a model: the gate's rule on the record of its closed trades."""

import math
from collections.abc import Sequence

import numpy as np

from trader.domain.decisions import ClosedTrade
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import ModelVerdict, StrategyVerdict
from trader.domain.units import DAY_MS
from trader.models.gate import GateRules, Trades, judge

MOST_COST_SHARE = 1 / 3  # of what was earned before costs
_NO_SLOPE = math.inf  # a rule predicts no number that realised returns could be held against


def judge_record(
    strategy_id: str, trades: Sequence[ClosedTrade], now_ms: int, rules: GateRules | None = None
) -> StrategyVerdict:
    """What `trades` (of any strategy) say of this one: as much evidence as of a model, but for the slope, and costs of
    at most a third of the gross profit.
    """
    own = [trade for trade in trades if trade.strategy_id == strategy_id and trade.entry_price > 0]
    if not own:
        return StrategyVerdict(strategy_id, reasons=(because(Code.NO_TRADES),), judged_ms=now_ms)
    day = np.array([trade.closed_ms // DAY_MS for trade in own], np.int64)
    result = judge(
        Trades(day, np.array([trade.return_frac for trade in own]), _regimes(own)),
        int(day.max() - day.min()) + 1,
        _NO_SLOPE,
        rules or GateRules(),
    )
    reasons = (*result.reasons, *_cost_reasons(own))
    return StrategyVerdict(
        strategy_id,
        ModelVerdict.OBSERVE if reasons else ModelVerdict.TRADE,
        reasons,
        len(own),
        result.mean_trade_bps,
        result.days_to_decision,
        now_ms,
    )


def _regimes(trades: Sequence[ClosedTrade]) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """A number a regime; a trade whose regime nobody knew counts as none of its own."""
    names = sorted({trade.regime for trade in trades if trade.regime is not None})
    return np.array([names.index(trade.regime) if trade.regime in names else 0 for trade in trades], np.int64)


def _cost_reasons(trades: Sequence[ClosedTrade]) -> tuple[Reason, ...]:
    costs = float(sum(trade.fees_quote for trade in trades))
    gross = float(sum(trade.profit_quote for trade in trades)) + costs
    share = costs / gross if gross > 0 else math.inf
    return () if share <= MOST_COST_SHARE else (because(Code.COST_SHARE, share=share, most=MOST_COST_SHARE),)
