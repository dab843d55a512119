"""What the account is worth, and what it is committed to, at the prices of now."""

from collections.abc import Mapping

import msgspec

from trader.config.schema import Settings
from trader.domain.commitments import Commitments
from trader.domain.instrument import Instrument
from trader.engine.state.parts import EngineState, Worth
from trader.portfolio.commitments import Books, commitments
from trader.portfolio.valuation import Valuation, value


def worth_now(state: EngineState) -> Worth | None:
    """The account at the prices of now; None while it holds coins that have no price and never had one."""
    return _worth(state, _instruments(state), state.prices())


def _worth(state: EngineState, instruments: Mapping[str, Instrument], prices: dict[str, float]) -> Worth | None:
    ledger = state.account.ledger
    held = {s for s in instruments if instruments[s].base in ledger.balances} | ledger.positions.keys()
    unpriced = () if held <= prices.keys() else tuple(sorted(held - prices.keys()))
    entries = {s: float(ledger.positions[s].entry_price) for s in unpriced if s in ledger.positions}
    if len(entries) < len(unpriced):
        worth = state.guard.worth  # coins that are no position of ours: the last that is known of the whole
        return None if worth is None else msgspec.structs.replace(worth, judged=None, unpriced=unpriced)
    found = _valued(state, instruments, prices | entries)
    judged = found.worst_equity
    if unpriced:
        plans = state.positions.plans
        best = {symbol: plans[symbol].best_price if symbol in plans else entries[symbol] for symbol in unpriced}
        judged = _valued(state, instruments, prices | best).worst_equity
    return Worth(state.now_ms, found.worst_equity, found.cash, found.worst_exposure, judged, unpriced)


def _valued(state: EngineState, instruments: Mapping[str, Instrument], prices: Mapping[str, float]) -> Valuation:
    ledger, quote = state.account.ledger, next(iter(instruments.values())).quote
    return value(ledger.balances, ledger.positions, instruments, prices, quote, state.orders.tracker.unknown())


def _instruments(state: EngineState) -> dict[str, Instrument]:
    return {symbol: market.instrument for symbol, market in state.markets.items()}


def commitments_now(state: EngineState, settings: Settings, *, but: str = "") -> Commitments | None:
    """Everything held and under way, the parent order `but` left out; None while nobody knows what it all is worth.

    The newest worth stands in where coins have no price at the moment.
    """
    instruments, prices = _instruments(state), state.prices()
    worth = _worth(state, instruments, prices) if state.account.is_opened else None
    worth = worth or state.guard.worth
    if worth is None:
        return None
    books = Books(
        positions=state.account.ledger.positions,
        algorithms=state.orders.algorithms,
        orders=state.orders.tracker.open_orders(),
        instruments=instruments,
        prices=prices,
        stops={symbol: plan.stop_price for symbol, plan in state.positions.plans.items()},
        stop_fracs={symbol: ticket.stop_frac for symbol, ticket in state.positions.tickets.items()},
        leverage=float(settings.exchange.leverage),
        but=but,
        hedge=state.positions.hedge,
    )
    quote = next(iter(state.markets.values())).instrument.quote
    return commitments(books, equity=worth.equity, total=float(state.account.ledger.total(quote)))
