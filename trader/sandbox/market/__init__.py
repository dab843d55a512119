"""A market that runs by itself: symbols with candles, books and trades, moved through market time."""
