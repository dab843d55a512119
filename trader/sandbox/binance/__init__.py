"""Binance's wire protocol: what spot and perpetuals share, and each of them."""
