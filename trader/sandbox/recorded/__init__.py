"""Markets that were recorded: candles, and order books update by update."""
