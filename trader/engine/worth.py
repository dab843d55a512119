"""What the account is worth, and what it is committed to, at the prices of now."""

from trader.config.schema import Settings
from trader.domain.commitments import Commitments
from trader.engine.state import EngineState, Worth
from trader.portfolio.commitments import Books, commitments
from trader.portfolio.valuation import value


def worth_now(state: EngineState) -> Worth | None:
    """The account at the prices of now; None while something held has none: it would look like a loss."""
    ledger = state.account.ledger
    instruments = {symbol: market.instrument for symbol, market in state.markets.items()}
    prices = state.prices()
    held = {s for s in instruments if instruments[s].base in ledger.balances} | ledger.positions.keys()
    if not held <= prices.keys():
        return None
    quote = next(iter(instruments.values())).quote
    found = value(ledger.balances, ledger.positions, instruments, prices, quote, state.orders.tracker.unknown())
    return Worth(state.now_ms, found.worst_equity, found.cash, found.worst_exposure)


def commitments_now(state: EngineState, settings: Settings, *, but: str = "") -> Commitments | None:
    """Everything held and under way, the parent order `but` left out; None while nobody knows what it all is worth.

    The newest worth stands in where something held has no price at the moment.
    """
    worth = worth_now(state) if state.account.is_opened else None
    worth = worth or state.guard.worth
    if worth is None:
        return None
    books = Books(
        positions=state.account.ledger.positions,
        algorithms=state.orders.algorithms,
        orders=state.orders.tracker.open_orders(),
        instruments={symbol: market.instrument for symbol, market in state.markets.items()},
        prices=state.prices(),
        stops={symbol: plan.stop_price for symbol, plan in state.positions.plans.items()},
        stop_fracs={symbol: ticket.stop_frac for symbol, ticket in state.positions.tickets.items()},
        leverage=float(settings.exchange.leverage),
        but=but,
    )
    quote = next(iter(state.markets.values())).instrument.quote
    return commitments(books, equity=worth.equity, total=float(state.account.ledger.total(quote)))
