"""One account at one exchange: orders, executions, balances, payments, margin, keys.

exchange     `ports.Exchange` over ccxt
order_calls  an order intent as a ccxt call, and proof that ccxt sends exactly its numbers
stream       order updates, executions and balances as they happen
fills        own executions over REST since a time; `payments` the same for money that moved without a fill
conditional  orders that wait in a book of their own
translate    ccxt's answers as domain values
keys, margin  what is checked and set before anything is traded

Begin with `exchange`.
"""
