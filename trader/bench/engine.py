"""How fast the engine decides: one event without a forecast, and 20 symbols whose candles close together."""

from decimal import Decimal
from statistics import median
from timeit import default_timer

from trader.config.schema import Settings
from trader.domain.account import Balance
from trader.domain.decisions import RecordDecision, SubmitOrder
from trader.domain.events import BookUpdated, ForecastMade, ModelChanged, Reconciled, StreamChanged, StreamState, Ticked
from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Book
from trader.domain.signals import Forecast, MarketContext, ModelInfo, ModelVerdict
from trader.domain.units import MINUTE_MS
from trader.engine.engine import Engine
from trader.engine.state import EngineState

SYMBOLS = tuple(f"C{n:02d}/USDT" for n in range(20))
NOW_MS = 1_700_000_000_000
MODEL = ModelInfo("bench", "1m", 16, 1.0, 5.0, 0.5, 0.02, 0.01, False, ModelVerdict.TRADE)
_CONTEXT = MarketContext(100.0, 0.1, 15.0, 0.3, 100.0, 100.0, 100.0, 30.0, 0.02, 0.02, 1.0, 1.0, 1.0)


def measure(rounds: int = 30) -> dict[str, float]:
    """Medians over fresh engines, so that every close decides on entries, not on positions held already."""
    closes, singles, orders = [], [], 0
    for number in range(rounds):
        engine = ready_engine()
        began = default_timer()
        decided = [d for forecast in _forecasts(number) for d in engine.process(forecast)]
        closes.append(default_timer() - began)
        assert sum(isinstance(d, RecordDecision) for d in decided) == len(SYMBOLS)
        orders += sum(isinstance(d, SubmitOrder) for d in decided)
        singles.append(_single(engine))
    closes.sort()
    return {
        "event_p50_us": median(singles) * 1e6,
        "close_20_symbols_p50_ms": median(closes) * 1e3,
        "close_20_symbols_worst_ms": closes[-1] * 1e3,
        "orders_per_close": orders / rounds,
    }


def _single(engine: Engine, events: int = 2_000) -> float:
    """Seconds per book update, positions being guarded or not as they are."""
    updates = [BookUpdated(book=a_book(SYMBOLS[n % len(SYMBOLS)], n), ts_ms=NOW_MS + n) for n in range(events)]
    began = default_timer()
    for update in updates:
        engine.process(update)
    return (default_timer() - began) / events


def ready_engine() -> Engine:
    """An engine that may trade all `SYMBOLS` and holds nothing."""
    settings = Settings()
    engine = Engine(settings, EngineState(settings, {s: an_instrument(s) for s in SYMBOLS}, ledger_id="bench"))
    for symbol in SYMBOLS:
        engine.process(StreamChanged(symbol=symbol, state=StreamState.LIVE, reason="bench", ts_ms=NOW_MS))
        engine.process(BookUpdated(book=a_book(symbol, 0), ts_ms=NOW_MS))
    engine.process(ModelChanged(model=MODEL, ts_ms=NOW_MS))
    engine.process(Reconciled(balances=(Balance("USDT", Decimal(1_000_000)),), is_startup=True, ts_ms=NOW_MS))
    engine.process(Ticked(ts_ms=NOW_MS))
    return engine


def _forecasts(number: int) -> list[ForecastMade]:
    edges = [0.02 if (n + number) % 3 == 0 else 0.001 for n in range(len(SYMBOLS))]
    made = [a_forecast(symbol, edge, NOW_MS - MINUTE_MS) for symbol, edge in zip(SYMBOLS, edges, strict=True)]
    return [ForecastMade(forecast=forecast, ts_ms=NOW_MS) for forecast in made]


def a_forecast(symbol: str, prediction: float, open_ms: int) -> Forecast:
    """Of the minute that began at `open_ms`; worth a trade if `prediction` is."""
    return Forecast(symbol, open_ms, open_ms + MINUTE_MS, prediction, 0.7, 0.9, "bench", "hash", _CONTEXT)


def a_book(symbol: str, step: int, size: float = 500.0) -> Book:
    mid = 100.0 + 0.01 * (step % 7)
    bids = tuple((round(mid - 0.01 * (n + 1), 2), size) for n in range(20))
    asks = tuple((round(mid + 0.01 * (n + 1), 2), size) for n in range(20))
    return Book(symbol, NOW_MS, bids, asks)


def an_instrument(symbol: str) -> Instrument:
    return Instrument(
        symbol=symbol,
        base=symbol.partition("/")[0],
        quote="USDT",
        kind=InstrumentKind.SPOT,
        price_tick=Decimal("0.01"),
        quantity_step=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_quantity=Decimal(0),
        min_notional=Decimal(5),
        maker_fee_frac=0.001,
        taker_fee_frac=0.001,
    )
