"""A market that runs by itself: symbols with candles, books and trades, moved through market time. Knows no protocol.

served_market  the symbols of one exchange; tells matching and an audience; `perpetual` with mark prices
symbol_market  one symbol; `planned` one whose candles are planned
source         where candles come from; `stage` which symbols are on; `playback` runs them against the clock
listing        what is listed, with its filters and the nature of its market
candles        history and longer intervals; `running` the candle that is traded
orderbook      the published book; `depth` a made-up one around a price
mark           mark and index price; `premium` how far a perpetual trades above its index
numbers, noise  decimal strings, and random numbers that are a pure function of a counter

Begin with `served_market`.
"""
