"""What a new position stands beside: the others, how they move with it, and what its strategy has earned so far."""

from collections.abc import Iterable

from trader.domain.commitments import Commitments
from trader.domain.orders import Side
from trader.domain.sizing import Beside
from trader.engine.desk import Desk
from trader.risk import overlay
from trader.risk.correlation import mean_correlation
from trader.risk.overlay import Vols
from trader.sizing.evidence import Own, own_record


def expected_positions(desk: Desk) -> int:
    """How many positions share the bet."""
    sizing = desk.settings.sizing
    return sizing.expected_positions or min(sizing.max_positions, len(desk.state.markets))


def correlation(desk: Desk, symbol: str, side: Side, committed: Commitments) -> float:
    """Mean, 0..1, of a position in `symbol` with what is held and under way."""
    held = {name: each.net for name, each in committed.by_symbol.items()}
    unknown = desk.settings_of(symbol).sizing.unknown_correlation
    return mean_correlation(symbol, side.sign, held, desk.state.correlations, unknown)


def beside(desk: Desk, symbol: str, side: Side, committed: Commitments) -> Beside:
    """The rest of the portfolio, as the overlay measures it."""
    return overlay.beside(
        symbol,
        side.sign,
        committed,
        _vols(desk, {symbol, *committed.by_symbol}),
        desk.state.correlations,
        desk.settings_of(symbol).sizing.unknown_correlation,
        most_gross=desk.settings.sizing.exposure_limit_frac,
        risk=desk.settings.risk,
    )


def own_trades(desk: Desk, strategy_id: str) -> Own:
    """The closed trades of a strategy since the model in use came; counted anew when a trade ends or a model comes."""
    trades, came = desk.state.standing.trades, desk.state.model.came
    newest, since_ms = trades[-1] if trades else None, came.since_ms if came is not None else 0
    known = desk.own.get(strategy_id)
    if known is not None and known[0] is newest and known[1] == since_ms:
        return known[2]
    found = own_record(trades, strategy_id, since_ms)
    desk.own[strategy_id] = newest, since_ms, found
    return found


def _vols(desk: Desk, symbols: Iterable[str]) -> dict[str, Vols]:
    """Of each of `symbols`; a shock is never calmer than now."""
    model, found = desk.state.model.in_use, dict[str, Vols]()
    shocked = model.shocked_vol if model is not None else {}
    for symbol in symbols:
        now = desk.annual_vol(symbol)
        found[symbol] = Vols(now, max(now, shocked.get(symbol, now)))
    return found
