"""One file per family of features: what each column is, and the kernel that computes it.

momentum, trend, averages, volatility, variance, volume, volume_profile  what the market does
candlesticks, price_action, microstructure  how single candles look
statistics, dependence  how returns are distributed, and depend on earlier ones
higher         the same of longer timeframes
calendar_time  where in day and week

Begin with `momentum`.
"""
