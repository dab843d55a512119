"""What Binance's exchanges have in common on the wire."""
