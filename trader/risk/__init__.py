"""Pre-trade review, stops, exits, correlation, breakers."""
