"""The control socket and what is told over it.

server    the socket; `wire` what travels over it; `client` its other end
commands  what the daemon answers: reads and acts
reports   the read commands, the same from the daemon and from its ledger: a new list begins here
status    everything that is told of a daemon; `snapshot` makes it from the engine's state

Begin with `reports`.
"""
