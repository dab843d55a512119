"""Candles in, forecasts out, on a thread of its own."""
