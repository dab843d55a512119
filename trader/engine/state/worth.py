"""What the account is worth, and what it is committed to, at the prices of now."""

from collections.abc import Mapping

import msgspec

from trader.config.schema import Settings
from trader.domain.commitments import Commitments
from trader.domain.instrument import Instrument
from trader.engine.state.parts import EngineState, Worth
from trader.engine.state.spared import Counted
from trader.portfolio.commitments import Books, standing, with_entries
from trader.portfolio.holdings import Holdings, holdings
from trader.portfolio.valuation import Valuation, value


def worth_now(state: EngineState) -> Worth | None:
    """The account at the prices of now; None while it holds coins that have no price and never had one."""
    return _worth(state, _held(state), state.prices())


def _held(state: EngineState) -> Holdings:
    """What the ledger holds; converted anew where one of its balances or positions is another than before."""
    ledger, known = state.account.ledger, state.spared.held
    seen = list(ledger.balances.items()), list(ledger.positions.values())
    if known is None or known[0] != seen:
        instruments = _instruments(state)
        quote = next(iter(instruments.values())).quote
        known = state.spared.held = seen, holdings(ledger.balances, ledger.positions, instruments, quote)
    return known[1]


def _worth(state: EngineState, held: Holdings, prices: Mapping[str, float]) -> Worth | None:
    if held.symbols <= prices.keys():
        found = _valued(state, held, prices)
        return Worth(state.now_ms, found.worst_equity, found.cash, found.worst_exposure, found.worst_equity)
    unpriced = tuple(sorted(held.symbols - prices.keys()))
    entries = {each.symbol: each.entry_price for each in held.positions if each.symbol in unpriced}
    if len(entries) < len(unpriced):
        worth = state.guard.worth  # coins that are no position of ours: the last that is known of the whole
        return None if worth is None else msgspec.structs.replace(worth, judged=None, unpriced=unpriced)
    found = _valued(state, held, {**prices, **entries})
    plans = state.positions.plans
    best = {symbol: plans[symbol].best_price if symbol in plans else entries[symbol] for symbol in unpriced}
    judged = _valued(state, held, {**prices, **best}).worst_equity
    return Worth(state.now_ms, found.worst_equity, found.cash, found.worst_exposure, judged, unpriced)


def _valued(state: EngineState, held: Holdings, prices: Mapping[str, float]) -> Valuation:
    unknown = state.orders.tracker.unknown()
    return value(held, prices, _instruments(state) if unknown else {}, unknown)


def _instruments(state: EngineState) -> dict[str, Instrument]:
    return {symbol: market.instrument for symbol, market in state.markets.items()}


def commitments_now(state: EngineState, settings: Settings, *, but: str = "") -> Commitments | None:
    """Everything held and under way, the parent order `but` left out; None while nobody knows what it all is worth.

    The newest worth stands in where coins have no price at the moment.
    """
    held = _held(state)
    counted = _counted(state, held, float(settings.exchange.leverage))
    equity = counted.equity
    if equity is None or state.orders.tracker.unknown():
        worth = _worth(state, held, counted.books.prices) if state.account.is_opened else None
        worth = worth or state.guard.worth
        if worth is None:
            return None
        equity = worth.equity
    books = counted.books._replace(
        algorithms=state.orders.algorithms,
        orders=state.orders.tracker.open_orders(),
        instruments=_instruments(state),
        stop_fracs={symbol: ticket.stop_frac for symbol, ticket in state.positions.tickets.items()},
        but=but,
    )
    return with_entries(counted.standing, books, equity)


def _counted(state: EngineState, held: Holdings, leverage: float) -> Counted:
    """What is held at the prices of now; counted anew where a price, what is held or a plan is another than before."""
    known, plans, hedge = state.spared.counted, state.positions.plans, state.positions.hedge
    sights = [market.book or market.candle for market in state.markets.values()]
    seen = (held, sights, list(plans.values()), hedge, state.account.is_opened)
    if known is None or known.seen != seen:
        stops = {symbol: plan.stop_price for symbol, plan in plans.items()}
        books = Books(held.positions, {}, (), {}, state.prices(), stops, {}, leverage, hedge=hedge)
        is_certain = state.account.is_opened and held.symbols <= books.prices.keys()
        equity = value(held, books.prices, {}).equity if is_certain else None
        known = state.spared.counted = Counted(seen, books, standing(books, held.cash), equity)
    return known
