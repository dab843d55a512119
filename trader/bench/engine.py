"""How fast the engine decides: a book, a tick, 20 symbols that close together; with 10 of them held, and with none.

Times are the thread's own, so that what else the machine does is not in them.
"""

from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from time import thread_time

from trader.config.schema import Settings
from trader.config.sizing import SizingSettings
from trader.domain.account import Balance
from trader.domain.decisions import Decision, RecordDecision, SubmitOrder
from trader.domain.events import (
    AnyEvent,
    BookUpdated,
    ForecastMade,
    ModelChanged,
    OrderReported,
    Reconciled,
    StreamChanged,
    StreamState,
    Ticked,
)
from trader.domain.instrument import ZERO, Instrument, InstrumentKind
from trader.domain.market import Book
from trader.domain.orders import Fill, OrderIntent, OrderReport, OrderStatus, Purpose
from trader.domain.signals import Forecast, MarketContext, ModelInfo, ModelVerdict
from trader.domain.units import MINUTE_MS
from trader.engine.engine import Engine
from trader.engine.state import EngineState

SYMBOLS = tuple(f"C{n:02d}/USDT" for n in range(20))
HELD = SYMBOLS[::2]
NOW_MS = 1_700_000_000_000
MODEL = ModelInfo("bench", "1m", 16, 1.0, 5.0, 0.5, 0.02, 0.01, False, ModelVerdict.TRADE)
_CONTEXT = MarketContext(100.0, 0.1, 15.0, 0.3, 100.0, 100.0, 100.0, 30.0, 0.02, 0.02, 1.0, 1.0, 1.0)


def measure(rounds: int = 30) -> dict[str, float]:
    """Medians: of single events with positions and without, of closes over fresh engines that hold none and ten."""
    held, flat = holding_engine(), ready_engine()
    closes, held_closes, orders = [], [], 0
    for number in range(rounds):
        spent, sent = _close(ready_engine(), number)
        closes.append(spent)
        orders += sent
        held_closes.append(_close(holding_engine(), number)[0])
    return {
        "book_flat_p50_us": _median_us(flat, _books(SYMBOLS)),
        "book_held_p50_us": _median_us(held, _books(HELD)),
        "book_of_a_new_best_p50_us": _median_us(holding_engine(), rising_books(HELD)),
        "tick_flat_p50_us": _tick_us(flat),
        "tick_10_held_p50_us": _tick_us(held),
        "close_20_symbols_p50_ms": median(closes) * 1e3,
        "close_20_symbols_worst_ms": max(closes) * 1e3,
        "close_10_held_p50_ms": median(held_closes) * 1e3,
        "orders_per_close": orders / rounds,
    }


def _close(engine: Engine, number: int) -> tuple[float, int]:
    """(seconds until all symbols are decided on, orders sent)."""
    forecasts, decided = _forecasts(number), list[Decision]()
    began = thread_time()
    for forecast in forecasts:
        decided += engine.process(forecast)
    spent = thread_time() - began
    assert sum(isinstance(d, RecordDecision) for d in decided) == len(SYMBOLS)
    return spent, sum(isinstance(d, SubmitOrder) for d in decided)


def _books(symbols: Sequence[str], events: int = 2_000) -> list[AnyEvent]:
    return [BookUpdated(book=a_book(symbols[n % len(symbols)], n), ts_ms=NOW_MS + n) for n in range(events)]


def rising_books(symbols: Sequence[str], events: int = 1_000) -> list[AnyEvent]:
    """Each better for a long than all before, below the first rung: what must be judged and written down."""
    made = (_book_at(symbols[n % len(symbols)], 100.35 + 0.01 * (n // len(symbols)), 500.0) for n in range(events))
    return [BookUpdated(book=book, ts_ms=NOW_MS + n) for n, book in enumerate(made)]


def _tick_us(engine: Engine, ticks: int = 300) -> float:
    """Microseconds per tick, every symbol with a new book since the one before."""
    spent = []
    for n in range(ticks):
        for symbol in SYMBOLS:
            engine.process(BookUpdated(book=a_book(symbol, n), ts_ms=NOW_MS + n))
        began = thread_time()
        engine.process(Ticked(ts_ms=NOW_MS + n))
        spent.append(thread_time() - began)
    return median(spent) * 1e6


def _median_us(engine: Engine, events: Sequence[AnyEvent]) -> float:
    """Microseconds per event: the median of twenty stretches, so that the timer is not in it."""
    length = max(1, len(events) // 20)
    stretches = []
    for first in range(0, len(events), length):
        stretch = events[first : first + length]
        began = thread_time()
        for event in stretch:
            engine.process(event)
        stretches.append((thread_time() - began) / len(stretch))
    return median(stretches) * 1e6


def holding_engine() -> Engine:
    """As `ready_engine`, but it holds `HELD`, each with its stop resting."""
    engine = ready_engine()
    for number, symbol in enumerate(HELD):
        made = a_forecast(symbol, 0.02, NOW_MS - 2 * MINUTE_MS)
        waiting = engine.process(ForecastMade(forecast=made, ts_ms=NOW_MS))
        while waiting:
            orders = [d.approved.intent for d in waiting if isinstance(d, SubmitOrder)]
            waiting = [d for intent in orders for d in engine.process(_answer(intent, number))]
    engine.process(Ticked(ts_ms=NOW_MS))
    assert len(engine.state.positions.plans) == len(HELD), "not all of them were entered"
    return engine


def _answer(intent: OrderIntent, number: int) -> AnyEvent:
    """A stop rests; anything else fills at its price."""
    exchange_id, is_stop = f"x-{intent.client_id}", intent.purpose is Purpose.STOP
    fills: tuple[Fill, ...] = ()
    if not is_stop and intent.price is not None:
        names = (f"f-{number}", intent.symbol, intent.client_id, exchange_id)
        fills = (Fill(*names, intent.side, intent.quantity, intent.price, ZERO, "USDT", NOW_MS, is_maker=False),)
    status = OrderStatus.OPEN if is_stop else OrderStatus.FILLED
    filled = ZERO if is_stop else intent.quantity
    report = OrderReport(intent.symbol, intent.client_id, exchange_id, status, filled, NOW_MS, fills=fills)
    return OrderReported(report=report, ts_ms=NOW_MS)


def ready_engine() -> Engine:
    """An engine that may trade all `SYMBOLS` and holds nothing."""
    settings = Settings(sizing=SizingSettings(position_notional_cap_frac=0.04, max_positions=len(SYMBOLS)))
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
    return _book_at(symbol, 100.0 + 0.01 * (step % 7), size)


def _book_at(symbol: str, mid: float, size: float) -> Book:
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
