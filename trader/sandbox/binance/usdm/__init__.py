"""Binance's USD-M perpetuals."""
