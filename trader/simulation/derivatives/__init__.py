"""The simulated exchange for perpetuals.

perpetual         the exchange: matching as on spot, a margined account, and what follows from it
conditional_book  conditional orders at work
liquidation       what happens to an account below its maintenance margin
funding           what longs and shorts pay each other

Begin with `perpetual`.
"""
