"""The outside world behind the ports: exchanges, ledger, models, files, observations.

ccxt            any exchange: market feed, orders, account; begin with `ccxt.connect`
ledger          the account's ledger, to write and to read; the only place that knows it is SQLite (`sql`)
model_files     model artefacts and the registry that vouches for them
model_evidence  what forecasts were made from and came to
parquet         candle history and recordings on disk
observations    one file per source of what is known beside candles and books
"""
