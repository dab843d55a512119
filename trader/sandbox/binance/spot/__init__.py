"""Binance spot.

routes    every path: REST in `rest`, sockets in `streams`
desk      market, exchange, account stream
rest_market, rest_orders, rest_account  what the paths of `rest` do
messages  market streams in Binance's words; `userfeed` and `wire` those of the account

Begin with `routes`.
"""
