"""The two drivers around the engine, and what they share. Both decide, journal, act, and tell the outlets.

turn      one event and what was decided on it: what everything outside the engine hears; `act` gives each its hand
live      the asyncio shell: takes events from the inbox; draws where market data goes
inbox     the one order in which things happened: everything is numbered and stamped here
courier   carries orders to the exchange, and every outcome back as an event
timers    due at a market time, they come back as events
outlets   bounded taps to whoever wants to hear turns; `narrator` one log line per decision and order step
replay    events against a simulated exchange, without a loop: for backtests and tests
agenda    what happens later in a replay; `instant_courier` its courier, `memory` its journal
outcomes  what the engine is told when a request fails

Begin with `live`, or with `replay`, which is shorter.
"""
