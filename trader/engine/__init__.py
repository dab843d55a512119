"""The synchronous core. `Engine.process(event) -> list[Decision]` decides; it does no I/O and reads no clock.

engine      the one place where decisions are made: which event goes to which handler
state       all changing state in named parts, what of it is journalled, and its way back
safety      refuses what cannot be true; what is done when a handler raises
desk        what handlers share while one event is processed
entries     a candle close: the strategy is asked, admission and opening have their say
positions   exits of what is held, and the stop that rests at the exchange
news        what the exchange says about orders, fills and the account
guards      the breakers, the locks, and the model in use
algorithms  runs execution algorithms
tca         what orders have cost, and what is learned from it
control     people's commands

Begin with `engine`, then `entries.decide`.
"""
