"""Binance's wire protocol.

protocol  what spot and perpetuals have in common
spot      Binance spot
usdm      USD-M perpetuals

Another exchange is a room beside this one: it tells a market's news (`market.served_market.Audience`), serves REST and
sockets from a desk of its own, and says its faults in its own words (`faults.requests.FaultWords`).
"""
