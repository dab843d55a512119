"""The composition root: settings in, a wired service out. The only room that knows the mode.

run      `trader run`: the daemon put together from its parts
learn    train, tune, models, download: each in a process of its own
machine  what can be asked of an installation without trading: compile, bench, doctor
access   which market and which account the settings name, and with which keys

Heavy rooms are imported inside functions: `trader --help` needs none of them, and the live process must never load a
learning library. Begin with `run`.
"""
