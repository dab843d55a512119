"""Candles and books made trustworthy: closed-candle proof, quality."""
