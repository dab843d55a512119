"""All changing state of the engine.

parts       `EngineState` in named parts, and what each symbol's `Market` knows
kept        what of it is journalled; `older` reads what earlier versions wrote
remembered  its way back at a start
worth       what the account is worth and committed to; `spared` is what it counted last
"""

from trader.engine.state.parts import Arrival, EngineState, Mark, Market, StopTrouble

__all__ = ["Arrival", "EngineState", "Mark", "Market", "StopTrouble"]
