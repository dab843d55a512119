"""Candle history and recordings in Parquet files. Imports pyarrow inside functions: the live process never loads it.

candles           the candle store, and recorded sets made elsewhere
files             candle tables, checked on the way in and out
spool             market inputs on their way to Parquet, numbered
recording_tables  recorded events as tables; `recording_files` their files and their age
recordings        reading a recording, for a replay or as market data

Begin with `candles`, or with `recordings`.
"""
