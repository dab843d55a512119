"""Binance's USD-M perpetuals: their market beside the spot one, and their wire protocol over the simulated exchange."""
