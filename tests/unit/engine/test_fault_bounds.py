"""The bounds of what can be true, from both sides: what lies just within is used, what lies just beyond is refused."""

import math
import re
from decimal import Decimal

import msgspec
import pytest

from tests.kit.builders import NOW_MS, SYMBOL, a_context, a_fill, a_forecast, a_model, a_report, an_instrument
from tests.kit.situations import DAY_MS, HOUR_MS, MINUTE_MS, a_scene
from trader.domain.account import Balance, Payment, PaymentKind, Position
from trader.domain.events import (
    AnyEvent,
    BalancesReported,
    CandleClosed,
    FillArrived,
    ForecastMade,
    FundingSettled,
    InstrumentChanged,
    ModelChanged,
    OrderReported,
    PaymentArrived,
    Reconciled,
)
from trader.domain.market import Candle, FundingRate
from trader.engine.safety.faults import fault_of

replace = msgspec.structs.replace
OPEN_MS = NOW_MS - MINUTE_MS
LARGEST = Decimal("1e18")
BEYOND = Decimal("1.000001e18")


def of_forecast(**changed: object) -> AnyEvent:
    return ForecastMade(forecast=replace(a_forecast(candle_open_ms=OPEN_MS), **changed))


def of_context(**changed: float) -> AnyEvent:
    return of_forecast(context=replace(a_context(), **changed))


def of_times(open_ms: int, close_ms: int) -> AnyEvent:
    return of_forecast(candle_open_ms=open_ms, candle_close_ms=close_ms)


def of_candle(low: float, open_: float, close: float, high: float, volume: float = 0.0) -> AnyEvent:
    return CandleClosed(candle=Candle(SYMBOL, OPEN_MS, NOW_MS, open_, high, low, close, volume))


def of_model(**changed: object) -> AnyEvent:
    return ModelChanged(model=replace(a_model(), **changed))


def of_funding(rate: float = 0.0, ahead_ms: int = 0, every_ms: int = 0) -> AnyEvent:
    return FundingSettled(funding=FundingRate(SYMBOL, NOW_MS + ahead_ms, rate), every_ms=every_ms)


def of_listing(**changed: object) -> AnyEvent:
    return InstrumentChanged(instrument=replace(an_instrument(), **changed))


def of_fill(**changed: object) -> AnyEvent:
    return FillArrived(fill=replace(a_fill(), **changed))


def of_report(filled: str, **changed: object) -> AnyEvent:
    fill = replace(a_fill(), **changed)
    return OrderReported(report=replace(a_report(), filled=Decimal(filled), fills=(a_fill(), fill)))


def of_payment(amount: Decimal = LARGEST, ahead_ms: int = 0) -> AnyEvent:
    return PaymentArrived(payment=Payment("p", PaymentKind.FUNDING, SYMBOL, "USDT", amount, NOW_MS + ahead_ms))


def of_balance(free: str, locked: str = "0") -> AnyEvent:
    return BalancesReported(balances=(Balance("SHIB", Decimal(free), Decimal(locked)),), is_complete=False)


def of_position(**changed: object) -> AnyEvent:
    held = replace(Position(SYMBOL, Decimal(1), Decimal(1), NOW_MS), **changed)
    return Reconciled(balances=(), positions=(held,), open_client_ids=(), is_startup=False)


USED: list[AnyEvent] = [
    of_times(0, MINUTE_MS),
    of_times(NOW_MS, NOW_MS + 1),  # a candle may be as short as it likes
    of_times(NOW_MS, NOW_MS + MINUTE_MS),  # our clock may be behind by its length
    of_times(NOW_MS - MINUTE_MS // 2, NOW_MS + MINUTE_MS),  # or by a minute
    of_context(close=0.000_01),
    of_context(atr_14=0.0),
    of_context(atr_14=1e18),
    of_context(hist_vol_20=1e6),
    of_context(vol_blend=1e6),
    of_forecast(prediction=1.0, win_probability=1.0, confidence=1.0),
    of_forecast(prediction=-1.0, win_probability=0.0, confidence=0.0),
    of_candle(0.000_01, 0.000_01, 0.000_01, 0.000_01),
    of_candle(1.0, 2.0, 3.0, 3.0),
    of_candle(9.9e17, 9.9e17, 9.9e17, 9.9e17),
    of_model(horizon_candles=1, slope=1e6, base_rate=1.0, average_win_frac=1e6, average_loss_frac=1e6),
    of_model(slope=-1e6, base_rate=0.0, average_win_frac=0.0, average_loss_frac=0.0),
    of_funding(0.1, HOUR_MS),
    of_funding(-0.1, -NOW_MS),
    of_listing(price_tick=LARGEST, quantity_step=LARGEST, min_quantity=LARGEST, max_quantity=LARGEST),
    of_listing(price_tick=Decimal("1e-18"), quantity_step=Decimal("1e-18"), min_quantity=Decimal(0)),
    of_listing(max_quantity=Decimal(0), min_notional=Decimal(0)),
    of_listing(min_notional=LARGEST, maker_fee_frac=-0.1, taker_fee_frac=0.1),
    of_listing(maker_fee_frac=0.1, taker_fee_frac=-0.1),
    of_fill(quantity=LARGEST, price=LARGEST, fee=LARGEST, realised=LARGEST, ts_ms=NOW_MS + HOUR_MS),
    of_fill(quantity=Decimal("1e-18"), price=Decimal("1e-18"), fee=-LARGEST, realised=-LARGEST, ts_ms=0),
    of_report("0"),
    of_report("1e18"),
    of_payment(LARGEST, DAY_MS),
    of_payment(-LARGEST, -NOW_MS),
    of_balance("1e30", "-1e30"),
    of_position(quantity=LARGEST, entry_price=LARGEST, realised_quote=LARGEST, fees_quote=LARGEST),
    of_position(quantity=-LARGEST, entry_price=Decimal(0), realised_quote=-LARGEST, fees_quote=-LARGEST),
]
REFUSED: list[tuple[AnyEvent, str]] = [
    (of_times(-1, MINUTE_MS), "are no candle"),
    (of_times(OPEN_MS, OPEN_MS), "are no candle"),
    (of_times(NOW_MS + 1, NOW_MS + MINUTE_MS + 1), "is 60 s ahead"),
    (of_times(NOW_MS + 1, NOW_MS + 1 + 2 * MINUTE_MS), "is 120 s ahead"),
    (of_context(close=0.0), "close 0.0 is not above 0"),
    (of_context(close=math.nan), "close nan is not above 0"),
    (of_context(atr_14=1.01e18), "atr_14"),
    (of_context(hist_vol_20=1.01e6), "hist_vol_20"),
    (of_context(vol_blend=-0.01), "vol_blend"),
    (of_context(adx=math.inf), "adx inf"),
    (of_forecast(prediction=-1.01), "prediction"),
    (of_forecast(win_probability=-0.01), "win probability"),
    (of_forecast(confidence=1.01), "confidence"),
    (of_candle(0.0, 1.0, 1.0, 1.0), "are no candle"),
    (of_candle(1e18, 1e18, 1e18, 1e18), "are no candle"),
    (of_candle(1.0, 0.9, 1.0, 1.0), "are no candle"),
    (of_candle(1.0, 1.1, 1.0, 1.0), "are no candle"),
    (of_candle(1.0, 1.0, 0.9, 1.0), "are no candle"),
    (of_candle(1.0, 1.0, 1.1, 1.0), "are no candle"),
    (of_candle(1.0, 1.0, 1.0, 1.0, -0.1), "volume"),
    (of_candle(1.0, 1.0, 1.0, 1.0, math.inf), "volume"),
    (of_model(horizon_candles=0), "horizon of 0 candles"),
    (of_model(timeframe="1x"), "1x"),
    (of_model(slope=1.000_000_5e6), "slope"),
    (of_model(slope=-1.000_000_5e6), "slope"),
    (of_model(base_rate=1.01), "base rate"),
    (of_model(base_rate=-0.01), "base rate"),
    (of_model(average_win_frac=1.000_000_5e6), "average win"),
    (of_model(average_win_frac=-0.01), "average win"),
    (of_model(average_loss_frac=1.000_000_5e6), "average loss"),
    (of_model(average_loss_frac=-0.01), "average loss"),
    (of_funding(0.1001), "rate"),
    (of_funding(-0.1001), "rate"),
    (of_funding(ahead_ms=HOUR_MS + 1000), "settled 3601 s ahead"),
    (of_funding(ahead_ms=-NOW_MS - 1), "settled -1700000000 s ahead"),
    (of_funding(every_ms=-1), "settled every -1 ms"),
    (of_listing(base="ETH"), "another instrument"),
    (of_listing(price_tick=BEYOND), "price tick"),
    (of_listing(price_tick=Decimal(0)), "price tick"),
    (of_listing(quantity_step=Decimal("0.9e-18")), "quantity step"),
    (of_listing(min_quantity=Decimal(-1)), "least quantity"),
    (of_listing(max_quantity=Decimal(-1)), "most quantity"),
    (of_listing(min_notional=Decimal(-1)), "least notional"),
    (of_listing(maker_fee_frac=0.101), "maker fee"),
    (of_listing(maker_fee_frac=-0.101), "maker fee"),
    (of_listing(taker_fee_frac=0.101), "taker fee"),
    (of_listing(taker_fee_frac=-0.101), "taker fee"),
    (of_fill(quantity=Decimal(0)), "quantity"),
    (of_fill(price=BEYOND), "price"),
    (of_fill(fee=-BEYOND), "fee"),
    (of_fill(realised=-BEYOND), "profit"),
    (of_fill(ts_ms=NOW_MS + HOUR_MS + 1), "time"),
    (of_fill(ts_ms=-1), "time"),
    (of_report("-1"), "filled"),
    (of_report("1", price=Decimal("NaN")), "price"),  # the second fill of the report
    (of_payment(BEYOND), "amount"),
    (of_payment(-BEYOND), "amount"),
    (of_payment(ahead_ms=DAY_MS + 1), "time"),
    (of_balance("1.1e30"), "SHIB"),
    (of_balance("0", "-1.1e30"), "SHIB"),
    (of_position(quantity=-BEYOND), "quantity"),
    (of_position(entry_price=Decimal(-1)), "entry price"),
    (of_position(realised_quote=-BEYOND), "profit"),
    (of_position(fees_quote=-BEYOND), "fees"),
]


@pytest.mark.parametrize("event", USED)
def test_what_is_just_within_is_used(event: AnyEvent) -> None:
    assert fault_of(a_scene().engine.state, event) is None


@pytest.mark.parametrize(("event", "words"), REFUSED)
def test_what_is_just_beyond_is_refused_and_named(event: AnyEvent, words: str) -> None:
    fault = fault_of(a_scene().engine.state, event)
    assert fault is not None
    assert re.search(rf"\b{re.escape(words)}\b", fault), fault


def test_funding_of_a_stranger_is_refused() -> None:
    event = FundingSettled(funding=FundingRate("DOGE/USDT:USDT", NOW_MS, 0.0), every_ms=0)
    assert fault_of(a_scene().engine.state, event) == "not traded"
