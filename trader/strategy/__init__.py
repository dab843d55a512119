"""Regime and signal: what the forecast means for a position."""
