"""What cannot be true is refused at the edge of the engine: named once, counted, and nothing else follows from it."""

import math
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_book, a_context, a_fill, a_forecast, a_model, a_report, an_instrument
from tests.kit.photograph import COUNTS, photograph
from tests.kit.situations import DAY_MS, MINUTE_MS, Scene, a_scene, notices, of, sent, stream, told
from trader.domain import decisions as d
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.decisions import Level
from trader.domain.events import (
    AnyEvent,
    BalancesReported,
    BookUpdated,
    CandleClosed,
    FillArrived,
    ForecastMade,
    InstrumentChanged,
    ModelChanged,
    OrderReported,
    PaymentArrived,
    Reconciled,
    StreamState,
    TimerFired,
)
from trader.domain.instrument import InstrumentKind
from trader.domain.market import Book, Candle
from trader.domain.signals import DecisionRecord, Forecast, Outcomes, Regime, Verdict
from trader.domain.timers import TimerId, TimerKind
from trader.service.control.snapshot import snapshot

NAN, INF = math.nan, math.inf
DNAN = Decimal("NaN")
replace = msgspec.structs.replace


def a_close(**changed: Any) -> Forecast:
    return replace(a_forecast(candle_open_ms=NOW_MS - MINUTE_MS), **changed)


def with_context(**changed: float) -> Forecast:
    return a_close(context=a_context(**changed))


FORECASTS: list[tuple[Forecast, str]] = [
    (a_close(win_probability=NAN), "win probability nan is not within 0..1"),
    (a_close(win_probability=1.0000001), "win probability 1.0000001 is not within 0..1"),
    (a_close(prediction=INF), "prediction inf is not within -1..1"),
    (a_close(prediction=1e9), "prediction 1000000000.0 is not within -1..1"),
    (a_close(confidence=-0.1), "confidence -0.1 is not within 0..1"),
    (with_context(atr_14=NAN), "atr_14 nan is not within 0..1e+18"),
    (with_context(atr_14=-0.5), "atr_14 -0.5 is not within 0..1e+18"),
    (with_context(atr_14=INF), "atr_14 inf"),
    (with_context(hist_vol_20=NAN), "hist_vol_20 nan is not within 0..1e+06"),
    (a_close(context=replace(a_context(), vol_blend=NAN)), "vol_blend nan is not within 0..1e+06"),
    (with_context(close=0.0), "close 0.0 is not above 0"),
    (with_context(close=NAN), "close nan is not above 0"),
    (with_context(adx=INF), "adx inf"),
]


@pytest.mark.parametrize("is_held", [False, True], ids=["flat", "held"])
@pytest.mark.parametrize(("forecast", "fault"), FORECASTS, ids=[fault for _, fault in FORECASTS])
def test_a_close_whose_forecast_cannot_be_used_has_its_row(forecast: Forecast, fault: str, is_held: bool) -> None:
    scene = a_scene()
    if is_held:
        scene.enter()
        scene.wait(MINUTE_MS)
        forecast = replace(forecast, candle_open_ms=NOW_MS, candle_close_ms=NOW_MS + MINUTE_MS)
    scene.seen.clear()
    scene.hear(ForecastMade(forecast=forecast))
    [row] = [each.record for each in of(scene.seen, d.RecordDecision)]
    verdict = Verdict.HOLD if is_held else Verdict.SKIP
    assert (row.verdict, told(row)) == (verdict, (f"forecast cannot be used: {fault}",))
    assert [(n.level, n.event, n.message, n.symbol) for n in of(scene.seen, d.Notify)] == [
        (Level.WARNING, "input.refused", f"forecast refused: {fault}", SYMBOL)
    ]
    assert sent(scene.seen) == []
    again = a_forecast(candle_open_ms=scene.now_ms - MINUTE_MS)
    assert of(scene.hear(ForecastMade(forecast=again)), d.RecordDecision) == []  # one row a close


def test_what_is_missing_in_the_market_around_is_not_a_fault() -> None:
    """A strategy knows what to do without an indicator; without a distance there is no stop."""
    row = a_scene().forecast(context=a_context(adx=NAN, rsi_14=NAN, bb_width_ratio=NAN))
    assert not told(row)[0].startswith("forecast cannot")


BAD_EVENTS: dict[str, tuple[AnyEvent, str]] = {
    "a forecast of tomorrow": (
        ForecastMade(forecast=a_close(candle_open_ms=NOW_MS + DAY_MS, candle_close_ms=NOW_MS + DAY_MS + MINUTE_MS)),
        "close time 1700086460000 is 86460 s ahead",
    ),
    "a forecast of a stranger": (ForecastMade(forecast=replace(a_close(), symbol="XYZ/USDT")), "not traded"),
    "a candle upside down": (
        CandleClosed(candle=Candle(SYMBOL, NOW_MS - MINUTE_MS, NOW_MS, 100.0, 99.0, 101.0, 100.0, 1.0)),
        "open 100.0, high 99.0, low 101.0, close 100.0 are no candle",
    ),
    "a candle without a price": (
        CandleClosed(candle=Candle(SYMBOL, NOW_MS - MINUTE_MS, NOW_MS, 100.0, 100.0, 100.0, NAN, 1.0)),
        "open 100.0, high 100.0, low 100.0, close nan are no candle",
    ),
    "a candle of endless volume": (
        CandleClosed(candle=Candle(SYMBOL, NOW_MS - MINUTE_MS, NOW_MS, 100.0, 100.0, 100.0, 100.0, INF)),
        "volume inf is not within 0..inf",
    ),
    "a model of endless slope": (ModelChanged(model=a_model(slope=INF)), "slope inf is not within -1e+06..1e+06"),
    "a model that always wins": (ModelChanged(model=a_model(base_rate=1.5)), "base rate 1.5 is not within 0..1"),
    "a model that knows no rate": (ModelChanged(model=a_model(base_rate=NAN)), "base rate nan is not within 0..1"),
    "a model of endless wins": (
        ModelChanged(model=a_model(average_win_frac=INF)),
        "average win inf is not within 0..1e+06",
    ),
    "a model of endless outcomes": (
        ModelChanged(model=a_model(pooled=Outcomes(INF, 0.5, 0.01, 0.01))),
        "count of outcomes inf is not within 0..1e+12",
    ),
    "a model of one regime that always wins": (
        ModelChanged(model=a_model(by_regime={Regime.BULL_TREND: Outcomes(1.0, 1.5, 0.01, 0.01)})),
        "share of wins 1.5 is not within 0..1",
    ),
    "a model of a shock of NaN": (
        ModelChanged(model=a_model(shocked_vol={SYMBOL: NAN})),
        "shocked volatility nan is not within 0..1e+06",
    ),
    "a model without horizon": (ModelChanged(model=a_model(horizon_candles=0)), "horizon of 0 candles"),
    "a model without candles": (
        ModelChanged(model=a_model(timeframe="soon")),
        "timeframe 'soon' is not a number followed by s, m, h or d (for example 15m)",
    ),
    "a listing without a step": (InstrumentChanged(instrument=an_instrument(step="0")), "quantity step 0"),
    "a listing with a fee of NaN": (
        InstrumentChanged(instrument=an_instrument(taker_fee_frac=NAN)),
        "taker fee nan is not within -0.1..0.1",
    ),
    "a listing as something else": (
        InstrumentChanged(instrument=an_instrument(kind=InstrumentKind.PERPETUAL)),
        "perpetual of BTC against USDT is another instrument",
    ),
    "a stream of a stranger": (stream("XYZ/USDT", StreamState.LIVE), "not traded"),
    "a timer of a stranger": (TimerFired(timer=TimerId(TimerKind.STOP, "XYZ/USDT")), "not traded"),
    "a fill of nothing": (FillArrived(fill=a_fill(quantity="0")), "quantity 0"),
    "a fill of NaN": (FillArrived(fill=a_fill(quantity=DNAN)), "quantity NaN"),
    "a fill at an endless price": (FillArrived(fill=a_fill(price=Decimal("Infinity"))), "price Infinity"),
    "a fill of next year": (
        FillArrived(fill=a_fill(ts_ms=NOW_MS + 365 * DAY_MS)),
        f"time {NOW_MS + 365 * DAY_MS} is out of range",
    ),
    "a report of less than nothing": (OrderReported(report=a_report(filled="-1")), "filled -1"),
    "a report with such a fill": (OrderReported(report=a_report(fills=(a_fill(fee=DNAN),))), "fee NaN"),
    "balances of NaN": (
        BalancesReported(balances=(Balance("USDT", DNAN),), is_complete=True),
        "NaN USDT free, 0 locked",
    ),
    "an account of NaN": (Reconciled(balances=(Balance("USDT", Decimal(1), DNAN),)), "1 USDT free, NaN locked"),
    "a position of NaN": (
        Reconciled(balances=(), positions=(Position(SYMBOL, DNAN, Decimal(1), NOW_MS),)),
        f"position in {SYMBOL}: quantity NaN",
    ),
    "a payment of NaN": (
        PaymentArrived(payment=Payment("p", PaymentKind.FUNDING, SYMBOL, "USDT", DNAN, NOW_MS)),
        "amount NaN",
    ),
}


@pytest.mark.parametrize(("event", "fault"), BAD_EVENTS.values(), ids=list(BAD_EVENTS))
def test_what_cannot_be_true_changes_nothing(event: AnyEvent, fault: str) -> None:
    scene = a_scene()
    scene.enter()
    scene.seen.clear()
    before = photograph(scene.engine.state, without=COUNTS)
    first, second = scene.hear(event), scene.hear(event)
    assert photograph(scene.engine.state, without=COUNTS) == before
    [notice] = of([*first, *second], d.Notify)
    assert (notice.level, notice.event, notice.message.partition(" refused: ")[2]) == (
        Level.WARNING,
        "input.refused",
        fault,
    )
    assert scene.counted("unusable", "failed") == (2, 0)
    status = snapshot(scene.settings, scene.engine.state, started_ms=0, market_ms=scene.now_ms, events=0, errors=0)
    assert (status.counters.unusable, status.counters.failed) == (2, 0)
    assert {type(each) for each in [*first, *second]} <= {d.Notify, d.RequestReconcile}


def test_it_is_named_again_the_next_day() -> None:
    scene = a_scene()
    bad = ModelChanged(model=a_model(slope=NAN))
    scene.hear(bad)
    scene.wait(DAY_MS)
    assert notices(scene.hear(bad)) == ["input.refused"]


# --- books ----------------------------------------------------------------------------------------------------

GOOD = a_book()


def a_side(*levels: tuple[float, float]) -> tuple[tuple[float, float], ...]:
    return levels


BAD_BOOKS: dict[str, tuple[Book, str]] = {
    "without bids": (replace(GOOD, bids=()), "bids are empty"),
    "without asks": (replace(GOOD, asks=()), "asks are empty"),
    "empty": (replace(GOOD, bids=(), asks=()), "bids are empty"),
    "crossed": (a_book(bid=100.02, ask=100.01), "crossed: bid 100.02 >= ask 100.01"),
    "locked": (a_book(bid=100.01, ask=100.01), "crossed: bid 100.01 >= ask 100.01"),
    "bid NaN": (replace(GOOD, bids=a_side((NAN, 1.0))), "levels out of order at nan"),
    "ask infinite": (replace(GOOD, asks=a_side((INF, 1.0))), "level price inf is not finite"),
    "bid below zero": (replace(GOOD, bids=a_side((-1.0, 1.0))), "level (-1.0, 1.0) is out of range"),
    "nothing at the bid": (replace(GOOD, bids=a_side((99.99, 0.0))), "level (99.99, 0.0) is out of range"),
    "bid of nothing": (replace(GOOD, bids=a_side((0.0, 1.0))), "level (0.0, 1.0) is out of range"),
    "nothing at the ask": (replace(GOOD, asks=a_side((100.01, 0.0))), "level (100.01, 0.0) is out of range"),
    "endless at the bid": (replace(GOOD, bids=a_side((99.99, INF))), "level (99.99, inf) is out of range"),
    "endless at the ask": (replace(GOOD, asks=a_side((100.01, INF))), "level (100.01, inf) is out of range"),
    "quantity NaN": (replace(GOOD, asks=a_side((100.01, NAN))), "level (100.01, nan) is out of range"),
}


@pytest.mark.parametrize(("book", "fault"), BAD_BOOKS.values(), ids=list(BAD_BOOKS))
def test_a_book_that_cannot_be_leaves_the_old_one(book: Book, fault: str) -> None:
    scene = a_scene()
    scene.enter()
    before = photograph(scene.engine.state, without=COUNTS | {"refused_since_ms"})
    decided = [*scene.hear(BookUpdated(book=book)), *scene.hear(BookUpdated(book=book))]
    assert [(n.event, n.message, n.symbol) for n in of(decided, d.Notify)] == [
        ("input.refused", f"book refused: {fault}", SYMBOL)
    ]
    assert photograph(scene.engine.state, without=COUNTS | {"refused_since_ms"}) == before
    assert scene.counted("unusable") == (2,)


def test_a_book_of_less_than_one_can_be() -> None:
    scene = a_scene()
    book = replace(GOOD, bids=a_side((0.02, 0.5)), asks=a_side((0.03, 0.5)))
    assert scene.hear(BookUpdated(book=book)) == []
    assert scene.engine.state.markets[SYMBOL].book == book
    assert scene.counted("unusable") == (0,)


def test_books_that_stay_wrong_make_the_symbol_stale_until_one_is_right() -> None:
    """`market.book_silence_s` (10 s) without a book that can be used is silence."""
    scene = a_scene()
    bad = BookUpdated(book=replace(GOOD, bids=()))
    scene.hear(bad)
    scene.wait(9_999)
    scene.hear(bad)
    assert not told(row_of(scene))[0].startswith("market data stale")
    scene.wait(1)
    scene.hear(bad)
    scene.wait(MINUTE_MS)
    assert told(row_of(scene))[0] == "market data stale: books refused: bids are empty"
    scene.price(100.0)
    scene.wait(MINUTE_MS)
    assert not any(reason.startswith("market data stale") for reason in told(row_of(scene)))


def test_a_stream_that_is_worse_than_its_books_stays_so() -> None:
    scene = a_scene()
    scene.hear(BookUpdated(book=replace(GOOD, bids=())), stream(SYMBOL, StreamState.GAP, "a hole"))
    scene.price(100.0)
    assert told(row_of(scene))[0] == "market data gap: a hole"


def row_of(scene: Scene) -> DecisionRecord:
    """Of a close now; the prediction is worth no trade."""
    return scene.forecast(0.0001)


def test_a_book_of_a_stranger_is_nothing() -> None:
    scene = a_scene()
    assert notices(scene.hear(BookUpdated(book=a_book("XYZ/USDT")))) == ["input.refused"]


@pytest.mark.parametrize(
    ("levels", "fault"),
    [
        (((100.01, 5.0), (100.02, NAN)), "level (100.02, nan) is out of range"),
        (((100.01, 5.0), (100.0, 5.0)), "levels out of order at 100.0"),
    ],
)
def test_nothing_is_bought_from_a_book_whose_depth_cannot_be(
    levels: tuple[tuple[float, float], ...], fault: str
) -> None:
    scene = a_scene()
    scene.hear(BookUpdated(book=replace(GOOD, asks=levels)))
    assert told(scene.forecast()) == (f"book cannot be used: {fault}",)
    assert sent(scene.seen) == []
