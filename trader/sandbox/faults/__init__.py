"""What can be made to go wrong, what is wrong now, and how it acts.

kinds     one struct per kind of fault, read from JSON: a new one begins here
active    the faults that are active; whoever serves asks here what to spoil
effects   what beginning and ending one does at once, to any exchange of the sandbox
requests  a middleware that spoils requests, in the words of the exchange
matching  what the market's events become before they are matched
gate      the listening port, which a fault can close

Begin with `kinds`.
"""
