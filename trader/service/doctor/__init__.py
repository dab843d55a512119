"""`trader doctor`: what is there and what is missing.

examination  every look in order
machine      what is asked of the machine; `state` what is asked of the state directory
finding      one line of the result

Begin with `examination`.
"""
