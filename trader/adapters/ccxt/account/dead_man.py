"""The dead man's switch: the exchange cancels what rests in its order books when it has not heard of us for long."""

from collections.abc import Sequence

from trader.adapters.ccxt.exchanges import ccxt_id_for, facts_for
from trader.adapters.ccxt.transport import errors
from trader.adapters.ccxt.transport.client import Client
from trader.config.exchange import ExchangeSettings
from trader.domain.errors import Misconfigured, Rejected, TraderError


def require_possible(settings: ExchangeSettings) -> None:
    """Raise `Misconfigured` where a switch is configured and none is known that leaves protective stops in place."""
    if settings.dead_man_s is None or settings.id == "sandbox":
        return
    if facts_for(ccxt_id_for(settings.id, settings.market)).dead_man is None:
        raise Misconfigured(
            f"exchange.dead_man_s: given {settings.dead_man_s:g}; of {settings.title} no dead man's switch is known "
            "that leaves protective stops in place; allowed: null"
        )


async def cancel_after(client: Client, symbols: Sequence[str], seconds: float) -> None:
    """Set the countdown of every symbol. Raises what the first one that was not set raises, after all were tried."""
    facts = client.facts.dead_man
    if facts is None:
        raise Rejected(f"{client.raw.id} has no dead man's switch that is known")
    failure: TraderError | None = None
    for symbol in symbols:
        asked = {facts.symbol_key: client.raw.market_id(symbol), facts.time_key: round(seconds * 1000)}
        try:
            await client.send(facts.method, asked, failure=errors.of_setting)
        except TraderError as error:
            failure = failure or error
    if failure is not None:
        raise failure
