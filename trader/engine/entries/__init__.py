"""From a closed candle to an entry under way.

decide     the strategy is asked and its proposal answered; begin here
admission  what forbids an entry before it is sized
opening    the size, the stop and the plan of what was let in
portfolio  what a size goes by beside the symbol itself: the other positions, and what was earned so far
carrying   which algorithm carries what was sized, how much of it, and whether that pays
hedge      the hedge of the whole: when it is opened and closed
notes      what was known and asked, for the record
funding    what a perpetual costs to hold
"""
