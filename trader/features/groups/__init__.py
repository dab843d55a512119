"""Optional groups of features: what they need beyond the candles of one symbol."""
