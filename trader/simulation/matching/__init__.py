"""What the market does to our orders.

liquidity  what is displayed and taken, and how a resting order waits its turn
crossing   what each event of the market does to our orders
candles    matching where only candles exist: pessimistic
trailing   stops that follow the price
filters    what is checked about a request before all that

Begin with `liquidity`.
"""
