"""Public data: candles, books, trades, listings, and the truth about each stream."""
