"""Candles in, forecasts out, on a thread of its own.

scorer     off the loop: a closed candle goes in, a `ForecastMade` comes out
scoring    its synchronous half: features of all symbols, and the model
rounds     candles gathered by the close they share
following  sources of observations, asked again and again
watch      what becomes of the forecasts: drift, kept promises (`outcomes`), the challenger

Begin with `scorer`.
"""
