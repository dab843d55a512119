"""Positions nobody has a plan for: opened by hand, found at a start, or bought by an order that was given up."""

import math
from itertools import pairwise
from statistics import pstdev

from trader.config.risk import StartupPolicy
from trader.domain.account import Position
from trader.domain.closing import CloseReason
from trader.domain.decisions import Level
from trader.domain.market import Book, timeframe_ms
from trader.domain.orders import Purpose, Side
from trader.domain.reasons import Code, because
from trader.domain.signals import Regime
from trader.domain.units import YEAR_MS
from trader.engine.desk import Desk
from trader.engine.entries.opening import put_plan
from trader.engine.guards import guard
from trader.engine.positions import exits
from trader.engine.positions.protection import protect
from trader.engine.state import Market
from trader.risk.stops import NEVER_MS, Barriers, PositionPlan, barriers, horizon_sigma_frac, open_plan, tighten

_LEAST_TICKS = 2  # so that the stop is below the price of a long also once it is rounded towards it
_LEAST_CLOSES = 20  # before closes say how much a price moves


def answer(desk: Desk, *, is_asked_again: bool) -> None:
    """Do with every position without a plan what `risk.startup_policy` says; named once.

    Call it when positions may have changed. A plan waits for the first price. `is_asked_again`: a position that could
    not be closed is tried again.
    """
    state = desk.state
    found = [position for position in state.account.ledger.positions.values() if _is_unplanned(desk, position.symbol)]
    if state.positions.unplanned:
        state.positions.unplanned &= {position.symbol for position in found}
    for position in found:
        symbol = position.symbol
        if symbol in state.positions.exits:
            continue
        is_new = symbol not in state.positions.unplanned
        if is_new:
            _name(desk, position)
        if desk.settings.risk.startup_policy is not StartupPolicy.FLATTEN:
            _adopt(desk, position)
        elif is_new or is_asked_again:
            quantity = abs(desk.held(symbol))
            exits.ask_exit(desk, symbol, quantity, CloseReason.UNPLANNED, Purpose.FLATTEN, is_urgent=True)


def _is_unplanned(desk: Desk, symbol: str) -> bool:
    """Held, and neither guarded nor being bought."""
    positions = desk.state.positions
    return symbol not in positions.plans and symbol not in positions.tickets and bool(desk.held(symbol))


def _name(desk: Desk, position: Position) -> None:
    desk.state.positions.unplanned.add(position.symbol)
    policy = desk.settings.risk.startup_policy
    text = f"{position.quantity} {position.symbol} has no plan; policy {policy.value}"
    desk.notify(Level.ALERT, "position.unplanned", text, symbol=position.symbol)
    if policy is StartupPolicy.HALT:
        guard.halt(desk, because(Code.UNPLANNED_POSITION, position.symbol, quantity_base=position.quantity))


def _adopt(desk: Desk, position: Position) -> None:
    """From now on a plan guards it, and its stop rests at the exchange: nothing is sold for that."""
    symbol, market = position.symbol, desk.market(position.symbol)
    if market.book is None:
        return
    plan = _plan(desk, position, market, market.book)
    for stop in desk.resting_stops(symbol):  # of a plan that was lost: what rests is not loosened
        if stop.intent.side is plan.side.opposite and stop.intent.stop_price is not None:
            plan = tighten(plan, float(stop.intent.stop_price))
    put_plan(desk, plan)
    text = f"{position.quantity} at {plan.entry_price:.8g} with a stop at {plan.stop_price:.8g}"
    desk.notify(Level.WARNING, "position.adopted", text, symbol=symbol, ref=plan.decision_id)
    protect(desk, symbol)


def guard_barely(desk: Desk, position: Position) -> None:
    """The last resort, where nothing can be computed: a stop as far away as one is useful, and nothing else."""
    symbol, market = position.symbol, desk.market(position.symbol)
    plan = open_plan(
        symbol=symbol,
        side=Side.BUY if position.quantity > 0 else Side.SELL,
        entry_price=market.mid or float(position.entry_price),
        stop_frac=desk.settings_of(symbol).risk.widest_stop_frac,
        take_profit_frac=None,
        opened_ms=desk.now_ms,
        horizon_end_ms=NEVER_MS,
        decision_id=_plan_id(desk, symbol),
        regime=market.regime or Regime.RANGE_BOUND,
        strategy_id=desk.strategies[symbol].strategy_id,
        has_ladder=False,
        is_adopted=True,
    )
    put_plan(desk, plan)
    text = f"{position.quantity} with a stop at {plan.stop_price:.8g}, as far away as one may be"
    desk.notify(Level.ALERT, "position.guarded", text, symbol=symbol, ref=plan.decision_id)


def _plan_id(desk: Desk, symbol: str) -> str:
    return f"adopted-{symbol.lower().replace('/', '-').replace(':', '-')}-{desk.now_ms:x}"


def _plan(desk: Desk, position: Position, market: Market, book: Book) -> PositionPlan:
    """As if it were entered now, at the price it could be left at. With the policy `halt` only its stop ends it."""
    side = Side.BUY if position.quantity > 0 else Side.SELL
    price = book.bid if side is Side.BUY else book.ask
    strategy = desk.strategies[position.symbol]
    is_guarded_only = desk.settings.risk.startup_policy is StartupPolicy.HALT or not strategy.has_ladder
    horizon_ms = _horizon_ms(desk)
    found = _barriers(desk, market, price, horizon_ms)
    return open_plan(
        symbol=position.symbol,
        side=side,
        entry_price=price,
        stop_frac=found.stop_frac,
        r_frac=found.r_frac,
        take_profit_frac=None if is_guarded_only else found.target_frac,
        opened_ms=desk.now_ms,
        horizon_end_ms=NEVER_MS if is_guarded_only else desk.now_ms + horizon_ms,
        decision_id=_plan_id(desk, position.symbol),
        regime=market.regime or Regime.RANGE_BOUND,
        strategy_id=strategy.strategy_id,
        has_ladder=not is_guarded_only,
        is_adopted=True,
    )


def _horizon_ms(desk: Desk) -> int:
    """That of the model in use, or of the one that will be trained."""
    model, settings = desk.state.model.in_use, desk.settings
    if model is not None:
        return model.horizon_candles * timeframe_ms(model.timeframe)
    return settings.model.horizon_candles * timeframe_ms(settings.market.timeframe)


def _barriers(desk: Desk, market: Market, price: float, horizon_ms: int) -> Barriers:
    """Stop, ladder and target by the rule of an entry, from what is known now.

    Without a regime the widest stop of all of them counts. The stop is never beyond a liquidation, nor nearer than
    the grid of prices can tell from the market.
    """
    own = desk.settings_of(market.instrument.symbol)
    rules = own.strategy.regimes
    known = [rules[market.regime]] if market.regime is not None else list(rules.values())
    atr_frac, annual_vol = _volatility(desk, market)
    found = barriers(
        atr_frac=atr_frac,
        regime_stop_frac=max(rule.stop_loss_frac for rule in known),
        regime_take_profit_frac=max(rule.take_profit_frac for rule in known),
        horizon_sigma_frac=horizon_sigma_frac(annual_vol, horizon_ms),
        settings=own.risk,
    )
    is_isolated = desk.settings.exchange.margin_mode == "isolated"
    widest = own.risk.liquidation_loss_frac / desk.leverage(market.instrument.symbol) if is_isolated else 1.0
    least = _LEAST_TICKS * float(market.instrument.price_tick) / price
    return found._replace(stop_frac=max(least, min(found.stop_frac, widest, own.risk.widest_stop_frac)))


def _volatility(desk: Desk, market: Market) -> tuple[float, float]:
    """(average move of a candle / price, annualised volatility): the newest forecast's, else of the closes seen so far,
    else as of a market that just counts as volatile.
    """
    context = market.context
    if context is not None:
        return context.atr_14 / context.close, context.annual_vol
    moves = [math.log(later / before) for (_, before), (_, later) in pairwise(market.closes)]
    if len(moves) < _LEAST_CLOSES:
        return 0.0, desk.settings_of(market.instrument.symbol).strategy.high_volatility
    candles_a_year = YEAR_MS / timeframe_ms(desk.settings.market.timeframe)
    return sum(map(abs, moves)) / len(moves), pstdev(moves) * math.sqrt(candles_a_year)
