"""A local exchange server that speaks an exchange's wire protocol over the simulation's matching.

market     symbols with candles, books and trades, moved through market time; knows no protocol
generated  prices that are made up from a seed
recorded   prices that were recorded: candles, or order books update by update
sockets    websockets of every exchange: who listens to what, who is connected
faults     what can be made to go wrong, and how it acts
binance    the protocol: `protocol` (shared), `spot`, `usdm`; another exchange is another room beside it
server     the process: options, assembly, one port, control pages, and how a running one is found again

Begin with `server.assembly`, which puts the others together.
"""
