"""What a restart checks before it goes on from what the journal remembers."""

from collections.abc import Collection

from trader.config.schema import Settings
from trader.domain.errors import Misconfigured
from trader.engine.state.parts import EngineState
from trader.ports import Recovered


def require_usable(remembered: Recovered, settings: Settings) -> None:
    """Raise `Misconfigured` when this version cannot read what is remembered, or these settings leave it unguarded.

    It needs neither instruments nor prices: a start can ask it before it asks anybody else.
    """
    state = EngineState(settings, {}, ledger_id=remembered.ledger_id)
    state.restore(remembered)
    require_known_symbols(state, settings.exchange.symbols)


def require_known_symbols(state: EngineState, symbols: Collection[str]) -> None:
    """Raise `Misconfigured` when something is held or under way in a symbol that is not configured (any more).

    Nobody would guard it: its data is not streamed, and its orders are not asked for.
    """
    unknown = {symbol: what for symbol, what in _under_way(state).items() if symbol not in symbols}
    if unknown:
        named = ", ".join(f"{what} in {symbol}" for symbol, what in sorted(unknown.items()))
        raise Misconfigured(
            f"the ledger holds {named}, which exchange.symbols does not list; "
            "add it back until the position is closed and its orders have ended"
        )


def _under_way(state: EngineState) -> dict[str, str]:
    """Symbol -> what there is, a position before anything else."""
    found = {
        order.symbol: "an order" for order in (*state.orders.tracker.open_orders(), *state.orders.tracker.unsettled())
    }
    found |= {algorithm.symbol: "an order" for algorithm in state.orders.algorithms.values()}
    found |= dict.fromkeys(state.positions.exits, "an exit")
    found |= dict.fromkeys(state.positions.plans, "a plan")
    return found | {symbol: "a position" for symbol, held in state.account.ledger.positions.items() if not held.is_flat}
