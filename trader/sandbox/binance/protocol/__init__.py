"""What Binance's exchanges have in common on the wire.

desk            what the doors of one exchange share; `limits` and `auth` its rules of access
endpoint        one REST call; `params` its parameters, `errors` its refusals, `fault_words` its faults
market_data     public answers that both give; `ticker` candles and the last 24 hours
market_streams  what the market streams tell, and when
streams         how a websocket is served; `ws_api` requests over one
order_words     what orders have in common

Begin with `desk` and `endpoint`.
"""
