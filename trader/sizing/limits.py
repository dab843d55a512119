"""From a wish to a quantity: what may be risked, and every cap, in that order."""

import math
from decimal import Decimal

import msgspec

from trader.config.sizing import SizingSettings
from trader.domain.instrument import Instrument, Rounding
from trader.domain.orders import Side
from trader.domain.reasons import Code, Reason, because
from trader.domain.signals import Forecast, ModelInfo
from trader.domain.sizing import SizeFactors
from trader.sizing.rules import Bet, Wish, wanted_risk
from trader.sizing.view import SizingView

UNTOLD = SizeFactors(rule="", bet_frac=0.0)


class Sized(msgspec.Struct, frozen=True):
    """A quantity (base, on the instrument's step) and what it risks; `limits` names the caps that shrank it."""

    quantity: Decimal
    risk_frac: float  # of equity, if the stop is hit
    notional: float  # quote
    limits: tuple[Reason, ...] = ()
    factors: SizeFactors = UNTOLD


class Unsized(msgspec.Struct, frozen=True):
    """No trade, and why."""

    reason: Reason


def size_position(
    wish: Wish,
    forecast: Forecast | None,
    model: ModelInfo | None,
    view: SizingView,
    instrument: Instrument,
    settings: SizingSettings,
) -> Sized | Unsized:
    """The quantity to trade for `wish`: risk budget / |price - stop|, capped, rounded down."""
    blocked = _blocked(view, settings)
    if blocked is not None:
        return Unsized(blocked)
    wanted = wanted_risk(Bet(wish, forecast, model, view), settings)
    if isinstance(wanted, Reason):
        return Unsized(wanted)
    base = wanted.wanted_frac * view.equity / (view.price * view.stop_frac)
    more, limits = _capped(base - view.held, view, instrument)
    capped = view.held + more
    overlay, told = _overlay(wish, capped, view)
    missing = max(0.0, capped * overlay * view.shrink - view.held)
    sized = _rounded(wish, missing, limits if told is None else (*limits, told), view, instrument)
    if isinstance(sized, Unsized):
        return sized
    caps = tuple(limit.code for limit in limits)
    wanted = msgspec.structs.replace(wanted, caps=caps, overlay=overlay, override=view.shrink)
    return msgspec.structs.replace(sized, factors=_told(wanted, sized, missing, view))


def _overlay(wish: Wish, quantity: float, view: SizingView) -> tuple[float, Reason | None]:
    """(what the rest of the portfolio leaves of `quantity`, which of its measures says so)."""
    if view.beside is None:
        return 1.0, None
    return view.beside.share(wish.side.sign * quantity * view.price / view.equity)


def _told(wanted: SizeFactors, sized: Sized, missing: float, view: SizingView) -> SizeFactors:
    """`wanted` with what became of it."""
    whole = (view.held + missing) * view.price / view.equity  # notional of the whole, a share of equity
    return msgspec.structs.replace(
        wanted,
        whole_frac=whole * view.stop_frac,
        part=min(1.0, float(sized.quantity) / missing),
        risk_frac=sized.risk_frac,
        kelly_multiple=_multiple(wanted, whole),
    )


def _multiple(wanted: SizeFactors, whole: float) -> float | None:
    """What the whole (a share of equity) loses at a mean loss, as a multiple of what all of Kelly would."""
    if not wanted.kelly_frac or wanted.loss_frac is None:
        return None
    return whole * wanted.loss_frac / wanted.kelly_frac


def _blocked(view: SizingView, settings: SizingSettings) -> Reason | None:
    if not (math.isfinite(view.equity) and view.equity > 0):
        return because(Code.EQUITY_NOT_POSITIVE, equity_quote=view.equity)
    if not (view.price > 0 and view.stop_frac > 0 and math.isfinite(view.price) and math.isfinite(view.stop_frac)):
        return because(Code.PRICE_OR_STOP_UNUSABLE, price_quote=view.price, stop_frac=view.stop_frac)
    if not (view.atr_frac >= 0 and math.isfinite(view.atr_frac)):
        return because(Code.ATR_UNAVAILABLE, atr_frac=view.atr_frac)
    if view.positions > settings.max_positions:
        return because(Code.TOO_MANY_POSITIONS, positions=view.positions - 1, most=settings.max_positions)
    return None


def _capped(wanted: float, view: SizingView, instrument: Instrument) -> tuple[float, tuple[Reason, ...]]:
    """(`wanted` (base) under every cap, the caps that lowered it, in the order applied)."""
    quantity, limits = wanted, []
    for room in view.rooms:
        cap = room.left / view.price
        if not quantity <= cap:
            quantity = cap
            limits.append(because(room.code, used_quote=room.used, most_quote=room.most))
    if instrument.max_quantity and quantity > float(instrument.max_quantity):
        limits.append(because(Code.CAP_MAX_QUANTITY))
    return quantity, tuple(limits)


def _rounded(
    wish: Wish, quantity: float, limits: tuple[Reason, ...], view: SizingView, instrument: Instrument
) -> Sized | Unsized:
    """A part of it, rounded down to the step: a larger one where the instrument takes none as small, else no trade."""
    # A buy below the view's price would be smaller in quote: the refusal is asked at the price rounded against us.
    price = instrument.round_price(view.price, Rounding.DOWN if wish.side is Side.BUY else Rounding.UP)
    for parts in range(view.parts, 0, -1):
        rounded = instrument.round_quantity(quantity / parts)
        refusal = instrument.refusal(rounded, price)
        if refusal is None:
            break
    if refusal is not None:
        return Unsized(msgspec.structs.replace(refusal, causes=limits))
    notional = float(rounded) * view.price
    return Sized(rounded, notional * view.stop_frac / view.equity, notional, limits)
