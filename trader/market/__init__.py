"""Candles and books made trustworthy: closed-candle proof, resampling, quality."""
