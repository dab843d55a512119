"""Optional groups of features: what they need beyond the candles of one symbol.

group          what a group says about itself; `registry` every group in order: a new one is entered there
leader         the symbol against the market leader; `cross_section` where it stands among all (`among`)
order_book     books and trades (`book_stream`)
funding        funding of the perpetual; `as_of` joins observations by the time they were known

Begin with `group` and `registry`.
"""
