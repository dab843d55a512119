"""Markets that are made up from a seed.

generator  one symbol's random numbers: volatility clustering, jumps, a common factor, a known edge
market     the market as a source of candles
perpetual  the trades of a perpetual, made from those of its spot pair

Begin with `market`.
"""
