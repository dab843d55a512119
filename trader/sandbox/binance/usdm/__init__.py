"""Binance's USD-M perpetuals.

routes          every path: REST in `rest`, sockets in `streams`
desk            market, exchange, account stream
rest_market, rest_orders, rest_algo, rest_account, rest_settings  what the paths of `rest` do
order_params    the form of an order's parameters; `errors` the words for a refusal
market_streams  what the streams tell, in the words of `messages`
userfeed        the account stream, in the words of `events` and `wire`
state           the exchange's own truth for /sandbox/state

Begin with `routes`.
"""
