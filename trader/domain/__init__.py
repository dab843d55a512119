"""The words of the house: frozen values without I/O. Everything else imports these, they import nothing of ours.

events      what the engine eats: a closed union
decisions   what it emits: a closed union
orders      orders from intent to fill, and which status may follow which
account     balances and positions
market      candles, books, quotes, trades; `candle_arrays` candles in bulk; `observation` what else is known
instrument  what can be traded, and the only crossing between float64 and exact Decimal
signals     what the model says, and the record of a decision
workings    how a decision came about; `sizing` what shaped its size
reasons     why: a code with its numbers; `refusals` and `closing` those of orders and positions
errors      the five kinds of failure, one reaction each
timers      what timers of the core are for
units       milliseconds and basis points

Begin with `events` and `decisions`.
"""
