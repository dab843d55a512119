"""The simulated exchange, with an account of its own: paper, replays, sandbox. Shares no code with what it checks.

exchange     one account and one matching model; `perpetual` with margin and funding
instant      the exchange in the trader's words, answering at once (`answers`): what a replay trades on
venue        paper trading: a real feed whose orders meet the simulated exchange
matching     how displayed liquidity is taken, how a resting order waits; `crossing` what events do to our orders
candles      matching where only candles exist: pessimistic
sim_orders   requests, orders, trades, events: the exchange's own records
account      a spot account; `perpetual_account` a margined one (`margin`, `positions`, `liquidation`, `funding`)
conditional  orders that wait for a price; `conditional_book` at work; `trailing` stops that follow
filters      what is checked first; `costs` fees, spread, latency
clearing     numbering, storage (`records`, `store`, `store_tables`), events

Begin with `exchange`.
"""
