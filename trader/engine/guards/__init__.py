"""What may stop new risk: breakers, locks, and what the model in use has shown.

guard     the breakers, fed on every tick
standing  trades that ended, and the locks that follow from them
in_use    the model in use, and what its drift does to new positions
"""
