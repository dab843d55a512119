"""The edge of the engine: what cannot be true is refused here, once, and nothing follows from it but that it is told.

`faults` knows what is wrong with an event. Books come by the hundred a second: `Engine` looks at their touch itself,
and what is wrong with one is named here.
"""

from trader.domain.decisions import Level, RequestReconcile
from trader.domain.events import (
    AccountUnreachable,
    AnyEvent,
    BalancesReported,
    BookUpdated,
    CancelRefused,
    CandleClosed,
    CommandReceived,
    FillArrived,
    ForecastMade,
    FundingSettled,
    InstrumentChanged,
    ModelChanged,
    ModelWatched,
    OrderAbsent,
    OrderRefused,
    OrderReported,
    OutcomeLost,
    PaymentArrived,
    Reconciled,
    StrategyJudged,
    StreamChanged,
    StreamState,
    Ticked,
    TimerFired,
    TradePrinted,
)
from trader.domain.reasons import Code, because
from trader.domain.signals import Forecast
from trader.domain.timers import TimerKind
from trader.domain.units import DAY_MS
from trader.engine.desk import Desk
from trader.engine.entries import decide
from trader.engine.safety.faults import times_fault
from trader.engine.state import EngineState, Market
from trader.market.quality import book_fault

_REMEMBERED = 200  # kinds and symbols that were told today


def refuse(desk: Desk, event: AnyEvent, fault: str) -> None:
    """Name it once a day for each kind and symbol, and count it. A close has its row all the same."""
    is_news = _tell(desk, event, fault)
    if is_news and isinstance(event, FillArrived | OrderReported):
        desk.emit(RequestReconcile("what was told of an order cannot be used"))
    if isinstance(event, ForecastMade) and _is_close(desk.state, event.forecast):
        decide.record_unused(desk, event.forecast, because(Code.FORECAST_UNUSABLE, fault))


def refuse_book(desk: Desk, event: BookUpdated) -> None:
    """The old book stays; where nothing better comes for as long as a book may be silent, the symbol is stale."""
    book = event.book
    market = desk.state.markets.get(book.symbol)
    fault = "not traded" if market is None else book_fault(book.bids, book.asks) or "touch out of range"
    _tell(desk, event, fault)
    if market is None:
        return
    if not market.refused_since_ms:
        market.refused_since_ms = desk.now_ms
    silence_ms = desk.settings.market.book_silence_s * 1000 * desk.state.speed
    if desk.now_ms - market.refused_since_ms >= silence_ms:
        market.stream, market.stream_reason = StreamState.STALE, f"books refused: {fault}"


def sound_again(market: Market) -> None:
    """A book that can be used came after some that could not: the symbol is as its streams say."""
    market.refused_since_ms = 0
    market.stream, market.stream_reason = market.stream_told


def kind_of(event: AnyEvent) -> str:
    """What a person calls this kind of event."""
    return _KINDS[type(event)]


def subject_of(event: AnyEvent) -> str:
    """The symbol an event is about; empty where it is about none."""
    match event:
        case ForecastMade(forecast=about) | CandleClosed(candle=about) | BookUpdated(book=about):
            return about.symbol
        case FillArrived(fill=about) | OrderReported(report=about) | TradePrinted(trade=about):
            return about.symbol
        case PaymentArrived(payment=about) | InstrumentChanged(instrument=about) | FundingSettled(funding=about):
            return about.symbol
        case StreamChanged(symbol=symbol):
            return symbol
        case TimerFired(timer=timer):
            return "" if timer.kind is TimerKind.ALGORITHM else timer.key
        case _:
            return ""


_KINDS: dict[type, str] = {
    AccountUnreachable: "account stream",
    BalancesReported: "balances",
    BookUpdated: "book",
    CancelRefused: "refusal of a cancel",
    CandleClosed: "candle",
    CommandReceived: "command",
    FillArrived: "fill",
    ForecastMade: "forecast",
    InstrumentChanged: "listing",
    ModelChanged: "model",
    FundingSettled: "funding",
    ModelWatched: "health of the model",
    StrategyJudged: "verdict of a strategy",
    OrderAbsent: "absence of an order",
    OrderRefused: "refusal of an order",
    OrderReported: "order report",
    OutcomeLost: "loss of an answer",
    PaymentArrived: "payment",
    Reconciled: "reconciliation",
    StreamChanged: "stream",
    Ticked: "tick",
    TimerFired: "timer",
    TradePrinted: "trade",
}


def _is_close(state: EngineState, forecast: Forecast) -> bool:
    """Whether the forecast, usable or not, is about a close of a symbol that is traded."""
    is_close = times_fault(state.now_ms, forecast.candle_open_ms, forecast.candle_close_ms) is None
    return forecast.symbol in state.markets and is_close


def _tell(desk: Desk, event: AnyEvent, fault: str) -> bool:
    """Whether it is the first of its kind and symbol today, which is told."""
    desk.state.counters["unusable"] += 1
    key, day = (kind_of(event), subject_of(event)), desk.now_ms // DAY_MS
    told = desk.state.refusals
    if told.get(key) == day or (key not in told and len(told) >= _REMEMBERED):
        return False
    told[key] = day
    text = f"{key[0]} refused: {fault}"
    desk.notify(Level.WARNING, "input.refused", text, symbol=key[1])
    return True
