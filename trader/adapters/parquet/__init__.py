"""Candle history in Parquet files. Imports pyarrow only inside functions: the live process never loads it."""
