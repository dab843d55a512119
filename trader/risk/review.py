"""The one pre-trade review. It alone makes an `Approved`, and only an `Approved` can be sent."""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

import msgspec

from trader.config.risk import RiskSettings
from trader.config.sizing import SizingSettings
from trader.domain.commitments import Room
from trader.domain.decisions import TradingState
from trader.domain.instrument import ZERO, Instrument
from trader.domain.market import Book
from trader.domain.orders import Approved, OrderIntent, OrderType, Purpose, Side
from trader.domain.reasons import Code, Reason, because

_REFUSALS: Mapping[Code, Code] = {
    Code.CAP_ORDER: Code.ORDER_LIMIT,
    Code.CAP_POSITION_NOTIONAL: Code.POSITION_NOTIONAL_LIMIT,
    Code.CAP_POSITION_RISK: Code.POSITION_RISK_LIMIT,
    Code.CAP_PORTFOLIO_RISK: Code.PORTFOLIO_RISK_LIMIT,
    Code.CAP_EXPOSURE: Code.EXPOSURE_LIMIT,
    Code.CAP_CORRELATED: Code.CORRELATED_EXPOSURE_LIMIT,
    Code.CAP_FREE_BALANCE: Code.FREE_BALANCE_LIMIT,
    Code.CAP_LIQUIDATION: Code.LIQUIDATION_LIMIT,
}
_LIMITS = frozenset(_REFUSALS.values())  # a smaller order would not meet them
_CLIENT_ID = re.compile(r"[A-Za-z0-9-]{1,36}")


class ReviewView(msgspec.Struct, frozen=True):
    """What the review must know of the moment. Amounts in quote unless named otherwise.

    `rooms`: what each cap leaves to this order, which `rooms` does not hold itself. `positions`: how many there are
    with this one. Both are of an entry; what only reduces is not asked for them.
    `open_reducing_quantity`: what other live orders that reduce this position could still fill, the resting
    protective stop left out (base).
    """

    now_ms: int
    instrument: Instrument
    book: Book | None
    equity: float
    position_quantity: Decimal  # signed, base
    trading_state: TradingState
    stream_is_live: bool
    unknown_in_symbol: bool
    orders_last_minute: int
    is_known_client_id: Callable[[str], bool]
    open_reducing_quantity: Decimal = ZERO
    rooms: tuple[Room, ...] = ()
    positions: int = 0


class Refused(msgspec.Struct, frozen=True):
    """An intent that will not be sent, and every reason why.

    `fits`: so much of it (base) the caps have room for, where they alone forbid it and that is enough to be traded.
    """

    intent: OrderIntent
    reasons: tuple[Reason, ...]
    fits: Decimal = ZERO


def review(intent: OrderIntent, view: ReviewView, settings: RiskSettings, sizing: SizingSettings) -> Approved | Refused:
    """`intent` approved, or refused with all reasons.

    What only reduces a position is refused for being malformed, repeated, or larger than the position, and for
    nothing else: protection is never held back by a limit.
    """
    reasons = _malformed(intent, view)
    if intent.purpose.reduces:
        reasons += _larger_than_position(intent, view)
    else:
        reasons += _state_reasons(intent, view, settings)
        reasons += _price_reasons(intent, view, settings)
        reasons += _amount_reasons(intent, view, settings, sizing)
    if not reasons:
        return Approved(intent, view.now_ms)
    return Refused(intent, tuple(reasons), _fitting(intent, view, reasons, settings))


def approval_price(intent: OrderIntent, book: Book) -> float:
    """The worst price `intent` is reviewed at: its own, or for a market order the touch it takes, quote."""
    if intent.price is not None:
        return float(intent.price)
    return book.ask if intent.side is Side.BUY else book.bid


def _malformed(intent: OrderIntent, view: ReviewView) -> list[Reason]:
    reasons = []
    if not _CLIENT_ID.fullmatch(intent.client_id):
        reasons.append(because(Code.MALFORMED_CLIENT_ID, intent.client_id))
    elif view.is_known_client_id(intent.client_id):
        reasons.append(because(Code.REPEATED_CLIENT_ID, intent.client_id))
    if intent.symbol != view.instrument.symbol:
        return [*reasons, because(Code.OTHER_SYMBOL, f"{intent.symbol} reviewed as {view.instrument.symbol}")]
    if intent.type is OrderType.LIMIT and (intent.price is None or intent.price <= 0):
        reasons.append(because(Code.NO_LIMIT_PRICE, str(intent.price)))
    if intent.type is OrderType.STOP_MARKET and (intent.stop_price is None or intent.stop_price <= 0):
        reasons.append(because(Code.NO_STOP_PRICE, str(intent.stop_price)))
    if not reasons:
        refusal = _instrument_refusal(intent, view)
        reasons += [refusal] if refusal else []
    return reasons


def _instrument_refusal(intent: OrderIntent, view: ReviewView) -> Reason | None:
    """The exchange's filters. Perpetual orders that can only reduce have no minimum notional."""
    only_reduces = intent.purpose.reduces and intent.reduce_only
    instrument = view.instrument.for_reducing if only_reduces else view.instrument
    price = intent.price if intent.type is OrderType.LIMIT else intent.stop_price
    if price is None:  # a market order: the exchange values it at the market
        if view.book is None:
            return None
        price = instrument.round_price(view.book.mid)
    return instrument.refusal(intent.quantity, price)


def _larger_than_position(intent: OrderIntent, view: ReviewView) -> list[Reason]:
    held = view.position_quantity
    if held * intent.side.sign >= 0:
        what = f"{intent.purpose.value} {intent.side.value}"
        return [because(Code.NOTHING_TO_REDUCE, what, position_base=held)]
    taken = ZERO if intent.purpose is Purpose.STOP else view.open_reducing_quantity
    if intent.quantity + taken <= abs(held):
        return []
    what, wanted, most = intent.purpose.value, intent.quantity, abs(held)
    if taken:
        code = Code.EXCEEDS_POSITION_WITH_EXITS
        return [because(code, what, exiting_base=taken, quantity_base=wanted, position_base=most)]
    return [because(Code.EXCEEDS_POSITION, what, quantity_base=wanted, position_base=most)]


def _state_reasons(intent: OrderIntent, view: ReviewView, settings: RiskSettings) -> list[Reason]:
    reasons = []
    is_hedging = intent.purpose is Purpose.HEDGE and view.trading_state is TradingState.REDUCING
    if view.trading_state is not TradingState.ACTIVE and not is_hedging:
        reasons.append(because(Code.TRADING_STATE, view.trading_state.value))
    if not view.stream_is_live:
        reasons.append(because(Code.DATA_NOT_LIVE))
    if view.unknown_in_symbol:
        reasons.append(because(Code.ORDER_WITHOUT_EVIDENCE))
    if view.orders_last_minute >= settings.max_orders_per_minute:
        most = settings.max_orders_per_minute
        reasons.append(because(Code.TOO_MANY_ORDERS, orders=view.orders_last_minute, most_orders=most))
    return reasons


def _price_reasons(intent: OrderIntent, view: ReviewView, settings: RiskSettings) -> list[Reason]:
    if view.book is None:
        return [because(Code.NO_BOOK_TO_PRICE)]
    price = intent.price if intent.price is not None else intent.stop_price
    if price is None:
        return []
    distance = abs(float(price) / view.book.mid - 1)
    if distance <= settings.price_band_frac:
        return []
    most = settings.price_band_frac
    return [because(Code.OUTSIDE_PRICE_BAND, price_quote=price, distance_frac=distance, most_frac=most)]


def _amount_reasons(
    intent: OrderIntent, view: ReviewView, settings: RiskSettings, sizing: SizingSettings
) -> list[Reason]:
    if view.book is None:
        return []  # refused already
    if not (math.isfinite(view.equity) and view.equity > 0):
        return [because(Code.NO_EQUITY, equity_quote=view.equity)]
    notional = float(intent.quantity) * approval_price(intent, view.book)
    quote = view.instrument.quote
    reasons = [
        because(_REFUSALS[room.code], quote, asked_quote=room.asked(notional), most_quote=room.most)
        for room in _rooms(view, settings)
        if not room.fits(notional)
    ]
    if view.positions > sizing.max_positions:
        reasons.append(because(Code.TOO_MANY_POSITIONS, positions=view.positions - 1, most=sizing.max_positions))
    if intent.side is Side.SELL and not view.instrument.can_short:
        reasons.append(because(Code.SPOT_CANNOT_SHORT))
    return reasons


def _rooms(view: ReviewView, settings: RiskSettings) -> tuple[Room, ...]:
    """What each cap leaves to the order, that on one order among them."""
    return (Room(Code.CAP_ORDER, 0.0, settings.max_order_notional_frac * view.equity), *view.rooms)


def _fitting(intent: OrderIntent, view: ReviewView, reasons: Iterable[Reason], settings: RiskSettings) -> Decimal:
    """`Refused.fits`: at the price of `intent`, on the step; 0 for an order at the market."""
    if view.book is None or intent.price is None or any(reason.code not in _LIMITS for reason in reasons):
        return ZERO
    left = min(room.left for room in _rooms(view, settings))
    fits = view.instrument.round_quantity(left / float(intent.price))
    return ZERO if view.instrument.refusal(fits, intent.price) is not None else fits
