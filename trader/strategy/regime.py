"""The market's regime from trend strength, volatility and distance to the 50-candle mean."""

from trader.config.strategy import StrategySettings
from trader.domain.signals import MarketContext, Regime


def classify(context: MarketContext, previous: Regime | None, settings: StrategySettings) -> Regime:
    """The first regime whose test passes: bull trend, bear trend, high volatility, low volatility, else range.

    The test of `previous` uses thresholds loosened by `hysteresis_frac`, every other the plain ones, so a regime
    is left only when its threshold is clearly missed. Values that are not available (NaN) pass no test.
    """
    for regime in (Regime.BULL_TREND, Regime.BEAR_TREND, Regime.HIGH_VOLATILITY, Regime.LOW_VOLATILITY):
        slack = settings.hysteresis_frac if regime is previous else 0.0
        if _passes(regime, context, slack, settings):
            return regime
    return Regime.RANGE_BOUND


def _passes(regime: Regime, context: MarketContext, slack: float, settings: StrategySettings) -> bool:
    """Whether `context` meets the thresholds of `regime`, each loosened by the share `slack`."""
    if regime is Regime.HIGH_VOLATILITY:
        return context.hist_vol_20 > settings.high_volatility * (1 - slack)
    if regime is Regime.LOW_VOLATILITY:
        return context.hist_vol_20 < settings.low_volatility * (1 + slack)
    if not context.adx > settings.adx_trend * (1 - slack):
        return False
    band = settings.trend_band_frac * (1 - slack)
    if regime is Regime.BULL_TREND:
        return context.close > context.sma_50 * (1 + band)
    return context.close < context.sma_50 * (1 - band)
