"""Requests and subscriptions: one guarded client, its errors, time and sessions.

client    one ccxt.pro instance: bounded calls, market time, a dispatch that survives bad messages
errors    ccxt's exceptions as our five kinds of failure
flight    whether a request left, and what came back
streams   one subscription kept alive; `taps` tells every row that ccxt stores
loopback  sessions that can reach this machine and nothing else
timing    the exchange's clock, and how long it asked for silence

Begin with `client`.
"""
