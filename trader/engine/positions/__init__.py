"""What is held: how it is left, and the stop that rests at the exchange meanwhile.

exits       the rungs of a plan, judged on every book and tick, and how an exit is carried out
protection  the protective stop: placed, followed, replaced, and what is done when that fails
"""
