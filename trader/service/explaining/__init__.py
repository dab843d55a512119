"""`trader why`: one decision in plain words, from the ledger alone.

explanation  a decision, explained; begin here
finding      which decision is asked for: a symbol and a time as a person writes them
verdict      the first sentence
gates        what was asked, in order; `wording` names, units and comparisons
known        forecast, votes, costs and market of that moment
size         from the bet to the quantity, and how it was carried
after        what came of it
lines        the shape of it all
"""
