"""The synchronous core. `Engine.process(event) -> list[Decision]` decides; it does no I/O and reads no clock.

engine      the one place where decisions are made: which event goes to which handler
state       all changing state in named parts; `kept` what of it is journalled, `remembered` and `older` its way back
edge        refuses what cannot be true (`faults`); `failing` what is done when a handler raises
desk        what handlers share while one event is processed
decide      a candle close: the strategy is asked, `admission` and `opening` have their say
carrying    which algorithm carries what was sized, how much of it, and whether that pays
funding     what a perpetual costs to hold
exits       closing positions; `protection` the stop that rests at the exchange
order_news  what the exchange says about orders and fills
account     reconciliation; `scope` what one asks for
algorithms  runs execution algorithms
tca         what orders have cost, and what is learned from it
control     people's commands
guard       the breakers; `worth` what the account is worth and committed to
standing    trades that ended, and the locks that follow from them
in_use      the model in use, and what its drift does to new positions

Begin with `engine`, then `decide`.
"""
