"""The simulated exchange, with an account of its own: paper, replays, sandbox. Shares no code with what it checks.

exchange     one account and one matching model: requests in, orders, trades and events out
derivatives  the same for perpetuals: margined, with funding, liquidation and conditional orders
matching     what the market does to our orders, from books, trades or candles only
accounts     balances and margin; `clearing` numbers, books and stores what happens, and tells it
records      requests, orders, positions, events, and their storage
instant      the exchange in the trader's words, answering at once (`answers`): what a replay trades on
venue        paper trading: a real feed whose orders meet the simulated exchange

Begin with `exchange`.
"""
