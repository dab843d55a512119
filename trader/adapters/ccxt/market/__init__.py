"""Public data: candles, books, trades, listings, and the truth about each stream.

feed           `ports.MarketFeed` over ccxt: puts the others together
candles        closed candles: from the stream where it proves them, over REST where it does not (`history`)
books          ccxt's mutable books, copied and checked
wire           raw messages read directly, where that is cheaper than ccxt's parsers
subscriptions  which call carries which symbols
watchdog       streams that fell silent, brought back; `probes` asks whether there is newer data
listings       filters that change and symbols that end

Begin with `feed`.
"""
