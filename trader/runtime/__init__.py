"""The asyncio shell around the engine.

live      takes events from the inbox, lets the engine decide, journals, then acts
inbox     the one order in which things happened: everything is numbered and stamped here
turn      one event and what was decided on it: what everything outside the engine hears
courier   carries orders to the exchange, and every outcome back as an event
timers    due at a market time, they come back as events
narrator  one log line per decision and order step

Begin with `live`.
"""
