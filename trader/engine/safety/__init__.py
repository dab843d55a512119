"""Nothing that is sent may end the engine.

edge     refuses an event that cannot be true; `faults` knows what is wrong with one
failing  what is done when a handler raises: nothing of that event is kept, new risk stops, protection goes on
"""
