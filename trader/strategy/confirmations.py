"""What can confirm a signal: one function a name, each of which can say no."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache

from trader.config.strategy import Confirmation, RegimeRule, StrategySettings
from trader.domain.orders import Side
from trader.domain.reasons import Code
from trader.domain.signals import MarketContext
from trader.domain.workings import Gate

Check = Callable[[Side, MarketContext, StrategySettings], bool]
"""Whether the market of one close confirms a signal to that side. Values that are not available (NaN) confirm none."""


def ma_crossover(side: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """EMA 9 crossed EMA 21 to the signal's side not long ago, and is still there."""
    is_there = (context.ema_9 - context.ema_21) * side.sign > 0
    return is_there and context.ema_cross_age < settings.crossover_candles


def rsi_dip(side: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """A long after a fall: something to buy in a market that rises."""
    return side is Side.BUY and context.rsi_14 < settings.rsi_low


def rsi_peak(side: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """A short after a rise."""
    return side is Side.SELL and context.rsi_14 > settings.rsi_high


def rsi_extreme(side: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """A long where it is oversold, a short where it is overbought."""
    if side is Side.BUY:
        return context.rsi_14 < settings.rsi_oversold
    return context.rsi_14 > settings.rsi_overbought


def bollinger_extreme(side: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """At the band that the signal leads away from, or beyond it."""
    if side is Side.BUY:
        return context.bb_position <= settings.bollinger_extreme
    return context.bb_position >= 1 - settings.bollinger_extreme


def breakout(side: Side, context: MarketContext, _: StrategySettings) -> bool:
    """The close is beyond the band on the signal's side."""
    return context.bb_position > 1 if side is Side.BUY else context.bb_position < 0


def squeeze(_: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """The bands were tight not long ago: a breakout ends a squeeze, so it is asked of the closes before too."""
    return context.squeeze_age < settings.squeeze_candles


def volume(_: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """More is traded than usual."""
    return context.volume_ratio > settings.volume_above


def volume_spike(_: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """Much more is traded than usual."""
    return context.volume_ratio >= settings.volume_spike


def atr_expansion(_: Side, context: MarketContext, settings: StrategySettings) -> bool:
    """The market moves more than it did."""
    return context.atr_ratio > settings.atr_expansion


CONFIRMATIONS: Mapping[Confirmation, tuple[Code, Check]] = {
    Confirmation.MA_CROSSOVER: (Code.MA_CROSSOVER, ma_crossover),
    Confirmation.RSI_DIP: (Code.RSI_DIP, rsi_dip),
    Confirmation.RSI_PEAK: (Code.RSI_PEAK, rsi_peak),
    Confirmation.RSI_EXTREME: (Code.RSI_EXTREME, rsi_extreme),
    Confirmation.BOLLINGER_EXTREME: (Code.BOLLINGER_EXTREME, bollinger_extreme),
    Confirmation.BREAKOUT: (Code.BREAKOUT, breakout),
    Confirmation.SQUEEZE: (Code.SQUEEZE, squeeze),
    Confirmation.VOLUME: (Code.VOLUME, volume),
    Confirmation.VOLUME_SPIKE: (Code.VOLUME_SPIKE, volume_spike),
    Confirmation.ATR_EXPANSION: (Code.ATR_EXPANSION, atr_expansion),
}
"""Every confirmation by its name: a new one is a member of `Confirmation`, a `Code`, and a line here."""


Measure = Callable[[Side, MarketContext, StrategySettings], tuple[float | None, float]]

MEASURED: Mapping[Confirmation, Measure] = {
    Confirmation.MA_CROSSOVER: lambda side, context, settings: (
        context.ema_cross_age if (context.ema_9 - context.ema_21) * side.sign > 0 else None,
        settings.crossover_candles,
    ),
    Confirmation.RSI_DIP: lambda side, context, settings: (
        context.rsi_14 if side is Side.BUY else None,
        settings.rsi_low,
    ),
    Confirmation.RSI_PEAK: lambda side, context, settings: (
        context.rsi_14 if side is Side.SELL else None,
        settings.rsi_high,
    ),
    Confirmation.RSI_EXTREME: lambda side, context, settings: (
        context.rsi_14,
        settings.rsi_oversold if side is Side.BUY else settings.rsi_overbought,
    ),
    Confirmation.BOLLINGER_EXTREME: lambda side, context, settings: (
        context.bb_position,
        settings.bollinger_extreme if side is Side.BUY else 1 - settings.bollinger_extreme,
    ),
    Confirmation.BREAKOUT: lambda side, context, _: (context.bb_position, 1.0 if side is Side.BUY else 0.0),
    Confirmation.SQUEEZE: lambda _, context, settings: (context.squeeze_age, settings.squeeze_candles),
    Confirmation.VOLUME: lambda _, context, settings: (context.volume_ratio, settings.volume_above),
    Confirmation.VOLUME_SPIKE: lambda _, context, settings: (context.volume_ratio, settings.volume_spike),
    Confirmation.ATR_EXPANSION: lambda _, context, settings: (context.atr_ratio, settings.atr_expansion),
}
"""What each confirmation compares, and with what; None on the side that it can never confirm."""


def gates_of(rule: RegimeRule, side: Side, context: MarketContext, settings: StrategySettings) -> list[Gate]:
    """Every confirmation of a regime with its numbers, in the order it lists them. None forbids anything by itself."""
    return [
        Gate(text, holds(side, context, settings), *measured(side, context, settings))
        for text, holds, measured in _asked_of(rule.confirmations)
    ]


@cache
def _asked_of(names: tuple[Confirmation, ...]) -> tuple[tuple[str, Check, Measure], ...]:
    return tuple((name.value, CONFIRMATIONS[name][1], MEASURED[name]) for name in names)


def confirmed(rule: RegimeRule, side: Side, context: MarketContext, settings: StrategySettings) -> tuple[Code, ...]:
    """The confirmations of a regime that hold for `side`, in the order it lists them."""
    return holding(rule, gates_of(rule, side, context, settings))


def holding(rule: RegimeRule, gates: Sequence[Gate]) -> tuple[Code, ...]:
    """Those of a regime's confirmations that hold, from what was asked (`gates_of`)."""
    return tuple(CONFIRMATIONS[name][0] for name, gate in zip(rule.confirmations, gates, strict=True) if gate.passed)


def lacking(rule: RegimeRule, found: tuple[Code, ...]) -> tuple[Code, ...]:
    """Those that would still be needed (of which one is enough, where the rule says so)."""
    if found and rule.confirmations_needed == "any":
        return ()
    return tuple(code for code, _ in (CONFIRMATIONS[name] for name in rule.confirmations) if code not in found)
