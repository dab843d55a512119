"""ccxt behind the feed and exchange ports. No raw ccxt dict leaves this folder.

connect    from settings to a connected exchange: the one door, and where to begin
exchanges  what differs from exchange to exchange, as data: a quirk of an exchange is an entry here
probe      questions without keys: does it answer, how late is its clock, does it list what is configured
market     public data: candles, books, trades, listings, and the truth about each stream
account    orders, executions, balances, payments, margin, keys
transport  the guarded client: requests, errors, time, sessions, subscriptions
"""
