"""ccxt's market descriptions as instruments, exact to the last digit."""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import ccxt

from trader.domain.errors import Misconfigured
from trader.domain.instrument import ZERO, Instrument, InstrumentKind

DEFAULT_FEE_FRAC = 0.001  # when the exchange states none: dear enough not to flatter


def instruments_of(
    markets: Mapping[str, Any], symbols: Sequence[str], *, precision_mode: int, kind: InstrumentKind, exchange: str
) -> dict[str, Instrument]:
    """The named symbols, or `Misconfigured` with everything that is wrong about them."""
    faults = [fault for symbol in symbols if (fault := _fault(markets, symbol, kind, exchange))]
    if faults:
        raise Misconfigured("exchange.symbols: " + "; ".join(faults))
    return {symbol: instrument_of(markets[symbol], precision_mode=precision_mode) for symbol in symbols}


def instrument_of(market: Mapping[str, Any], *, precision_mode: int) -> Instrument:
    """One ccxt market; raises `Misconfigured` when it lacks what an order needs."""
    symbol = str(market["symbol"])
    precision, limits = market.get("precision") or {}, market.get("limits") or {}
    amount, order = limits.get("amount") or {}, limits.get("market") or {}
    step = _step(precision.get("amount"), precision_mode, symbol, "quantity")
    size = _decimal(market.get("contractSize")) or Decimal(1)
    largest = [
        value for value in (_decimal(amount.get("max")), _decimal(order.get("max"))) if value is not None and value > 0
    ]
    return Instrument(
        symbol=symbol,
        base=str(market["base"]),
        quote=str(market["quote"]),
        kind=InstrumentKind.SPOT if market.get("spot") else InstrumentKind.PERPETUAL,
        price_tick=_step(precision.get("price"), precision_mode, symbol, "price"),
        quantity_step=step * size,
        min_quantity=max(_decimal(amount.get("min")) or ZERO, step) * size,
        max_quantity=min(largest, default=ZERO) * size,
        min_notional=_decimal((limits.get("cost") or {}).get("min")) or ZERO,
        maker_fee_frac=_fee(market.get("maker")),
        taker_fee_frac=_fee(market.get("taker")),
    )


def _fault(markets: Mapping[str, Any], symbol: str, kind: InstrumentKind, exchange: str) -> str | None:
    market = markets.get(symbol)
    if market is None:
        base = symbol.partition("/")[0]
        alike = sorted(name for name in markets if name.startswith(base + "/"))[:5]
        return f"{symbol} is not at {exchange}" + (f"; alike: {', '.join(alike)}" if alike else "")
    if market.get("active") is False:
        return f"{symbol} is not open for trading at {exchange}"
    if kind is InstrumentKind.SPOT and not market.get("spot"):
        return f"{symbol} is not a spot pair; exchange.market is spot"
    if kind is InstrumentKind.PERPETUAL and not (market.get("swap") and market.get("linear")):
        return f"{symbol} is not a linear perpetual (those are named like BTC/USDT:USDT); exchange.market is perpetual"
    return None


def _step(value: Any, precision_mode: int, symbol: str, what: str) -> Decimal:
    """The grid step. ccxt states it as a tick size or as a number of decimal places, by exchange."""
    number = _decimal(value)
    if precision_mode == ccxt.TICK_SIZE and number is not None and number > 0:
        return number
    if precision_mode == ccxt.DECIMAL_PLACES and number is not None:
        return Decimal(1).scaleb(-int(number))
    stated = "in significant digits" if precision_mode == ccxt.SIGNIFICANT_DIGITS else repr(value)
    raise Misconfigured(f"{symbol}: the exchange states its {what} precision {stated}; a fixed step is needed")


def _decimal(value: Any) -> Decimal | None:
    """`value` as a person would write it, plain and without trailing zeros; None when absent."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return Decimal(f"{number.normalize():f}") if number.is_finite() else None


def _fee(value: Any) -> float:
    fee = DEFAULT_FEE_FRAC if value is None else float(value)
    return fee if math.isfinite(fee) else DEFAULT_FEE_FRAC
