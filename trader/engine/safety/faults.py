"""What cannot be true of an event: numbers that are none or beyond reason, impossible times, symbols not traded."""

import math
from collections.abc import Callable
from decimal import Decimal
from operator import attrgetter

from trader.domain.account import Balance, Payment, Position
from trader.domain.errors import Misconfigured
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
    StreamChanged,
    TimerFired,
)
from trader.domain.instrument import Instrument
from trader.domain.market import Candle, timeframe_ms
from trader.domain.orders import Fill
from trader.domain.signals import Forecast, MarketContext, ModelInfo, Outcomes
from trader.domain.timers import TimerKind
from trader.domain.units import DAY_MS, HOUR_MS, MINUTE_MS
from trader.engine.state import EngineState

_LARGEST = 1e18  # more than any price, quantity or amount of one order
_SMALLEST = Decimal("1e-18")  # the unit of the finest coins; less than any price or step
_HOARD = 1e30  # more than anybody has of the smallest coin
_LARGEST_RETURN = 1.0  # a log return over the horizon beyond which a forecast is a fault: more than 2.7 times the price
_LARGEST_FEE_FRAC = 0.1
_LARGEST_FUNDING_FRAC = 0.1  # of one settlement; exchanges cap it at a few percent
_LARGEST_VOLATILITY = 1e6  # annualised
_MEASURES = tuple(
    name for name in MarketContext.__struct_fields__ if not name.endswith("_age")
)  # an age may be endless
_measures: Callable[[MarketContext], tuple[float, ...]] = attrgetter(*_MEASURES)
_ADVANCE_MS = HOUR_MS  # how far the exchange's clock may be ahead of ours before a time of its is a fault


def fault_of(state: EngineState, event: AnyEvent) -> str | None:
    """Why `event` cannot be used, or None."""
    match event:
        case ForecastMade(forecast=forecast):
            return _unknown(state, forecast.symbol) or _forecast_fault(state.now_ms, forecast)
        case CandleClosed(candle=candle):
            return _unknown(state, candle.symbol) or _candle_fault(state.now_ms, candle)
        case FillArrived(fill=fill):
            return _fill_fault(state.now_ms, fill)
        case OrderReported(report=report):
            faults = (_fill_fault(state.now_ms, fill) for fill in report.fills)
            return _amount("filled", report.filled, least=0) or next((fault for fault in faults if fault), None)
        case BalancesReported(balances=balances):
            return _balances_fault(balances)
        case Reconciled(balances=balances, positions=positions):
            return _balances_fault(balances) or _positions_fault(positions)
        case PaymentArrived(payment=payment):
            return _payment_fault(state.now_ms, payment)
        case ModelChanged(model=model):
            return _model_fault(model)
        case InstrumentChanged(instrument=instrument):
            return _unknown(state, instrument.symbol) or _instrument_fault(
                instrument, state.markets[instrument.symbol].instrument
            )
        case FundingSettled(funding=funding):
            return _unknown(state, funding.symbol) or _funding_fault(state.now_ms, event)
        case StreamChanged(symbol=symbol):
            return _unknown(state, symbol)
        case TimerFired(timer=timer):
            return None if timer.kind is TimerKind.ALGORITHM else _unknown(state, timer.key)
        case _:
            return None


def _forecast_fault(now_ms: int, forecast: Forecast) -> str | None:
    """Numbers of a forecast that says nothing, or of none where there is no model, are not looked at."""
    fault = times_fault(now_ms, forecast.candle_open_ms, forecast.candle_close_ms)
    if fault is not None or forecast.missing:
        return fault
    fault = _context_fault(forecast.context)
    if fault is not None or not forecast.model_id:
        return fault
    return (
        _number("prediction", forecast.prediction, -_LARGEST_RETURN, _LARGEST_RETURN)
        or _number("win probability", forecast.win_probability, 0.0, 1.0)
        or _number("confidence", forecast.confidence, 0.0, 1.0)
    )


def _context_fault(context: MarketContext) -> str | None:
    """What distances and sizes are computed from must be there; the others may be missing (NaN), never infinite."""
    measures = _measures(context)
    if any(map(math.isinf, measures)):
        return next(f"{name} {each}" for name, each in zip(_MEASURES, measures, strict=True) if math.isinf(each))
    if not context.close > 0:
        return f"close {context.close} is not above 0"
    return (
        _number("atr_14", context.atr_14, 0.0, _LARGEST)
        or _number("hist_vol_20", context.hist_vol_20, 0.0, _LARGEST_VOLATILITY)
        or _number("vol_blend", context.vol_blend, 0.0, _LARGEST_VOLATILITY)
    )


def times_fault(now_ms: int, open_ms: int, close_ms: int) -> str | None:
    """A candle has a length, and has closed: by at most its length (or a minute) later than our clock says."""
    length_ms = close_ms - open_ms
    if open_ms < 0 or length_ms <= 0:
        return f"open time {open_ms} and close time {close_ms} are no candle"
    if close_ms > now_ms + max(length_ms, MINUTE_MS):
        return f"close time {close_ms} is {(close_ms - now_ms) / 1000:.0f} s ahead"
    return None


def _candle_fault(now_ms: int, candle: Candle) -> str | None:
    low, high = candle.low, candle.high
    if not (0 < low <= candle.open <= high < _LARGEST and low <= candle.close <= high):
        return f"open {candle.open}, high {high}, low {low}, close {candle.close} are no candle"
    return _number("volume", candle.volume, 0.0, math.inf) or times_fault(now_ms, candle.open_ms, candle.close_ms)


def _model_fault(model: ModelInfo) -> str | None:
    try:
        timeframe_ms(model.timeframe)
    except Misconfigured as error:
        return str(error)
    if model.horizon_candles < 1:
        return f"horizon of {model.horizon_candles} candles"
    return (
        _number("slope", model.slope, -1e6, 1e6)
        or _number("base rate", model.base_rate, 0.0, 1.0)
        or _number("average win", model.average_win_frac, 0.0, 1e6)
        or _number("average loss", model.average_loss_frac, 0.0, 1e6)
        or next(filter(None, map(_outcomes_fault, (model.pooled, *model.by_regime.values()))), None)
        or next(
            filter(None, (_number("shocked volatility", vol, 0.0, 1e6) for vol in model.shocked_vol.values())), None
        )
    )


def _outcomes_fault(told: Outcomes | None) -> str | None:
    if told is None:
        return None
    return (
        _number("count of outcomes", told.count, 0.0, 1e12)
        or _number("share of wins", told.win_share, 0.0, 1.0)
        or _number("win of a regime", told.win_frac, 0.0, 1e6)
        or _number("loss of a regime", told.loss_frac, 0.0, 1e6)
        or _number("spread of wins", told.win_sd, 0.0, 1e6)
        or _number("spread of losses", told.loss_sd, 0.0, 1e6)
    )


def _funding_fault(now_ms: int, settled: FundingSettled) -> str | None:
    if not 0 <= settled.funding.ts_ms <= now_ms + _ADVANCE_MS:
        return f"settled {(settled.funding.ts_ms - now_ms) / 1000:.0f} s ahead"
    if settled.every_ms < 0:
        return f"settled every {settled.every_ms} ms"
    return _number("rate", settled.funding.rate, -_LARGEST_FUNDING_FRAC, _LARGEST_FUNDING_FRAC)


def _instrument_fault(now: Instrument, before: Instrument) -> str | None:
    if (now.kind, now.base, now.quote) != (before.kind, before.base, before.quote):
        return f"{now.kind.value} of {now.base} against {now.quote} is another instrument"
    return (
        _amount("price tick", now.price_tick)
        or _amount("quantity step", now.quantity_step)
        or _amount("least quantity", now.min_quantity, least=0)
        or _amount("most quantity", now.max_quantity, least=0)
        or _amount("least notional", now.min_notional, least=0)
        or _number("maker fee", now.maker_fee_frac, -_LARGEST_FEE_FRAC, _LARGEST_FEE_FRAC)
        or _number("taker fee", now.taker_fee_frac, -_LARGEST_FEE_FRAC, _LARGEST_FEE_FRAC)
    )


def _fill_fault(now_ms: int, fill: Fill) -> str | None:
    return (
        _amount("quantity", fill.quantity)
        or _amount("price", fill.price)
        or _amount("fee", fill.fee, least=-_LARGEST)
        or (None if fill.realised is None else _amount("profit", fill.realised, least=-_LARGEST))
        or _late("time", fill.ts_ms, now_ms + _ADVANCE_MS)
    )


def _payment_fault(now_ms: int, payment: Payment) -> str | None:
    return _amount("amount", payment.amount, least=-_LARGEST) or _late("time", payment.ts_ms, now_ms + DAY_MS)


def _balances_fault(balances: tuple[Balance, ...]) -> str | None:
    for balance in balances:
        if any(not each.is_finite() or abs(each) > _HOARD for each in (balance.free, balance.locked)):
            return f"{balance.free} {balance.currency} free, {balance.locked} locked"
    return None


def _positions_fault(positions: tuple[Position, ...]) -> str | None:
    for position in positions:
        fault = (
            _amount("quantity", position.quantity, least=-_LARGEST)
            or _amount("entry price", position.entry_price, least=0)
            or _amount("profit", position.realised_quote, least=-_LARGEST)
            or _amount("fees", position.fees_quote, least=-_LARGEST)
        )
        if fault is not None:
            return f"position in {position.symbol}: {fault}"
    return None


def _number(name: str, value: float, least: float, most: float) -> str | None:
    return (
        None if least <= value <= most and math.isfinite(value) else f"{name} {value} is not within {least:g}..{most:g}"
    )


def _amount(name: str, value: Decimal, *, least: float | None = None) -> str | None:
    """Finite and not beyond reason; above 0, or at least `least`."""
    smallest: Decimal | float = _SMALLEST if least is None else least
    return None if value.is_finite() and smallest <= value <= _LARGEST else f"{name} {value}"


def _late(name: str, ts_ms: int, most_ms: int) -> str | None:
    return None if 0 <= ts_ms <= most_ms else f"{name} {ts_ms} is out of range"


def _unknown(state: EngineState, symbol: str) -> str | None:
    return None if symbol in state.markets else "not traded"
