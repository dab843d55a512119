"""Builders of domain values for tests: sensible defaults, every field overridable."""

import math
from decimal import Decimal

from trader.domain.instrument import Instrument, InstrumentKind
from trader.domain.market import Book, Levels
from trader.domain.orders import (
    Fill,
    Order,
    OrderIntent,
    OrderReport,
    OrderStatus,
    OrderType,
    Purpose,
    Side,
    TimeInForce,
)
from trader.domain.refusals import Refusal
from trader.domain.signals import Forecast, MarketContext, ModelInfo, ModelVerdict, Outcomes, Regime

SYMBOL = "BTC/USDT"
NOW_MS = 1_700_000_000_000


def an_instrument(
    symbol: str = SYMBOL,
    *,
    kind: InstrumentKind = InstrumentKind.SPOT,
    tick: str = "0.01",
    step: str = "0.00001",
    min_quantity: str = "0.00001",
    max_quantity: str = "9000",
    min_notional: str = "5",
    maker_fee_frac: float = 0.001,
    taker_fee_frac: float = 0.001,
) -> Instrument:
    base, _, rest = symbol.partition("/")
    return Instrument(
        symbol=symbol,
        base=base,
        quote=rest.partition(":")[0],
        kind=kind,
        price_tick=Decimal(tick),
        quantity_step=Decimal(step),
        min_quantity=Decimal(min_quantity),
        max_quantity=Decimal(max_quantity),
        min_notional=Decimal(min_notional),
        maker_fee_frac=maker_fee_frac,
        taker_fee_frac=taker_fee_frac,
    )


def a_perpetual(symbol: str = "BTC/USDT:USDT", *, min_notional: str = "5", step: str = "0.001") -> Instrument:
    return an_instrument(
        symbol,
        kind=InstrumentKind.PERPETUAL,
        step=step,
        min_quantity=step,
        min_notional=min_notional,
        maker_fee_frac=0.0002,
        taker_fee_frac=0.0005,
    )


def a_book(
    symbol: str = SYMBOL,
    *,
    bid: float = 99.99,
    ask: float = 100.01,
    size: float = 10.0,
    levels: int = 20,
    tick: float = 0.01,
    ts_ms: int = NOW_MS,
) -> Book:
    """`levels` per side, `tick` apart, each holding `size` base."""
    bids: Levels = tuple((round(bid - i * tick, 8), size) for i in range(levels))
    asks: Levels = tuple((round(ask + i * tick, 8), size) for i in range(levels))
    return Book(symbol, ts_ms, bids, asks)


def a_context(
    *,
    close: float = 100.0,
    atr_14: float = 0.5,
    adx: float = 15.0,
    hist_vol_20: float = 0.4,
    sma_50: float = 100.0,
    ema_9: float = 100.0,
    ema_21: float = 100.0,
    rsi_14: float = 50.0,
    bb_position: float = 0.5,
    bb_width: float = 0.02,
    bb_width_ratio: float = 1.0,
    atr_ratio: float = 1.0,
    volume_ratio: float = 1.0,
    ema_cross_age: float = math.inf,
    squeeze_age: float = math.inf,
) -> MarketContext:
    return MarketContext(
        close=close,
        atr_14=atr_14,
        adx=adx,
        hist_vol_20=hist_vol_20,
        sma_50=sma_50,
        ema_9=ema_9,
        ema_21=ema_21,
        rsi_14=rsi_14,
        bb_position=bb_position,
        bb_width=bb_width,
        bb_width_ratio=bb_width_ratio,
        atr_ratio=atr_ratio,
        volume_ratio=volume_ratio,
        ema_cross_age=ema_cross_age,
        squeeze_age=squeeze_age,
    )


def a_forecast(
    symbol: str = SYMBOL,
    *,
    prediction: float = 0.01,
    win_probability: float = 0.6,
    context: MarketContext | None = None,
    candle_open_ms: int = NOW_MS - 60_000,
    model_id: str = "model-1",
) -> Forecast:
    return Forecast(
        symbol=symbol,
        candle_open_ms=candle_open_ms,
        candle_close_ms=candle_open_ms + 60_000,
        prediction=prediction,
        win_probability=win_probability,
        confidence=0.9,
        model_id=model_id,
        feature_hash="hash",
        context=context or a_context(),
    )


def a_model(
    *,
    slope: float = 1.0,
    slope_t: float = 5.0,
    base_rate: float = 0.5,
    average_win_frac: float = 0.02,
    average_loss_frac: float = 0.01,
    no_edge: bool = False,
    verdict: str = "trade",
    horizon_candles: int = 16,
    timeframe: str = "1m",
    pooled: Outcomes | None = None,
    by_regime: dict[Regime, Outcomes] | None = None,
    shocked_vol: dict[str, float] | None = None,
) -> ModelInfo:
    return ModelInfo(
        model_id="model-1",
        timeframe=timeframe,
        horizon_candles=horizon_candles,
        slope=slope,
        slope_t=slope_t,
        base_rate=base_rate,
        average_win_frac=average_win_frac,
        average_loss_frac=average_loss_frac,
        no_edge=no_edge,
        verdict=ModelVerdict(verdict),
        pooled=pooled,
        by_regime=by_regime or {},
        shocked_vol=shocked_vol or {},
    )


def an_intent(
    client_id: str = "t-1",
    *,
    symbol: str = SYMBOL,
    side: Side = Side.BUY,
    type: OrderType = OrderType.LIMIT,
    quantity: str = "1",
    price: str | None = "100",
    stop_price: str | None = None,
    purpose: Purpose = Purpose.ENTRY,
    time_in_force: TimeInForce = TimeInForce.GTC,
    post_only: bool = False,
    reduce_only: bool = False,
    parent_id: str = "p-1",
    decision_id: str = "d-1",
) -> OrderIntent:
    return OrderIntent(
        client_id=client_id,
        parent_id=parent_id,
        decision_id=decision_id,
        symbol=symbol,
        side=side,
        type=type,
        quantity=Decimal(quantity),
        purpose=purpose,
        price=None if price is None else Decimal(price),
        stop_price=None if stop_price is None else Decimal(stop_price),
        time_in_force=time_in_force,
        post_only=post_only,
        reduce_only=reduce_only,
        reference_price=100.0,
    )


def an_order(
    intent: OrderIntent | None = None,
    *,
    status: OrderStatus = OrderStatus.OPEN,
    filled: str = "0",
    filled_quote: str | None = None,
    reported_filled: str | None = None,
    refusal: Refusal | None = None,
) -> Order:
    """`filled_quote` defaults to `filled` at the intent's price."""
    intent = intent or an_intent()
    amount = Decimal(filled)
    return Order(
        intent=intent,
        status=status,
        created_ms=NOW_MS,
        updated_ms=NOW_MS,
        exchange_id="x-" + intent.client_id,
        reported_filled=amount if reported_filled is None else Decimal(reported_filled),
        filled=amount,
        filled_quote=amount * (intent.price or Decimal(100)) if filled_quote is None else Decimal(filled_quote),
        refusal=refusal,
    )


def a_fill(
    fill_id: str = "f-1",
    *,
    symbol: str = SYMBOL,
    client_id: str = "t-1",
    exchange_order_id: str = "x-1",
    side: Side = Side.BUY,
    quantity: str | Decimal = "1",
    price: str | Decimal = "100",
    fee: str | Decimal = "0",
    fee_currency: str = "USDT",
    ts_ms: int = NOW_MS,
    is_maker: bool = False,
) -> Fill:
    return Fill(
        fill_id=fill_id,
        symbol=symbol,
        client_id=client_id,
        exchange_order_id=exchange_order_id,
        side=side,
        quantity=Decimal(quantity),
        price=Decimal(price),
        fee=Decimal(fee),
        fee_currency=fee_currency,
        ts_ms=ts_ms,
        is_maker=is_maker,
    )


def a_report(
    client_id: str = "t-1",
    status: OrderStatus = OrderStatus.OPEN,
    *,
    symbol: str = SYMBOL,
    exchange_id: str = "x-1",
    filled: str = "0",
    ts_ms: int = NOW_MS,
    fills: tuple[Fill, ...] = (),
    reason: str = "",
) -> OrderReport:
    return OrderReport(
        symbol=symbol,
        client_id=client_id,
        exchange_id=exchange_id,
        status=status,
        filled=Decimal(filled),
        ts_ms=ts_ms,
        fills=fills,
        reason=reason,
    )
