"""Candles and books made trustworthy.

candles  from updates of forming candles to closed ones: each once, in order, without a gap
quality  book faults, and the state of a symbol from the states of its streams
turnover what a symbol trades in a day
bulk     whole histories: gaps filled, longer candles made

Begin with `candles`.
"""
