"""How fast a replay runs: twenty symbols, a book of each every second, a forecast of each every minute, some traded.

The features and the ensemble are not in it: forecasts come precomputed. Nor is the making of the events.
"""

from collections.abc import Iterator
from decimal import Decimal
from timeit import default_timer

from trader.bench.engine import MODEL, NOW_MS, SYMBOLS, a_book, a_forecast, an_instrument
from trader.clock import SimulatedClock
from trader.config.risk import RiskSettings
from trader.config.schema import Settings
from trader.domain.decisions import RecordTrade
from trader.domain.events import AnyEvent, BookUpdated, ForecastMade, ModelChanged, StreamChanged, StreamState
from trader.domain.units import MINUTE_MS
from trader.engine.engine import Engine
from trader.engine.state import EngineState
from trader.runtime.memory import Memory
from trader.runtime.replay import Replay
from trader.runtime.turn import Turn
from trader.simulation.instant import InstantVenue, open_exchange

_SECOND_MS = 1_000


class TradeCount:
    """The outlet that counts closed trades."""

    name = "trade_count"

    def __init__(self) -> None:
        self.trades = 0

    def hear(self, turn: Turn) -> None:
        self.trades += sum(isinstance(decision, RecordTrade) for decision in turn.decisions)


def measure(minutes: int = 120) -> dict[str, float]:
    """Events per second of the machine's time, heartbeats included, and how much market time that is."""
    settings = Settings(risk=RiskSettings(consecutive_losses=1_000))  # costs are all that its trades make
    clock, count = SimulatedClock(NOW_MS), TradeCount()
    listed = {symbol: an_instrument(symbol) for symbol in SYMBOLS}
    venue = InstantVenue(open_exchange(listed, {"USDT": Decimal(1_000_000)}, first_ms=1), listed, clock)
    memory = Memory("bench")
    engine = Engine(settings, EngineState(settings, listed, ledger_id=memory.ledger_id))
    replay = Replay(engine, venue, clock, memory, outlets=(count,))
    for symbol in SYMBOLS:
        replay.on_market(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="bench"))
    replay.put(ModelChanged(model=MODEL))
    replay.start()
    events = list(_events(minutes))
    began = default_timer()
    replay.run(events)
    spent_s = default_timer() - began
    return {
        "events_per_s": memory.last_seq / spent_s,
        "market_seconds_per_s": minutes * 60 / spent_s,
        "trades": float(count.trades),
    }


def _events(minutes: int) -> Iterator[AnyEvent]:
    for second in range(minutes * 60):
        now_ms = NOW_MS + second * _SECOND_MS
        for number, symbol in enumerate(SYMBOLS):
            yield BookUpdated(book=a_book(symbol, second + number, 400.0 + second % 97), ts_ms=now_ms)
        if second % 60 == 1:
            open_ms = now_ms - now_ms % MINUTE_MS - MINUTE_MS
            for number, symbol in enumerate(SYMBOLS):
                edge = (0.02, 0.001, -0.02)[(number + second // 60) % 3]
                yield ForecastMade(forecast=a_forecast(symbol, edge, open_ms), ts_ms=now_ms)
