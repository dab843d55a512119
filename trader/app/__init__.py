"""The composition root: settings in, a wired service out. The only room that knows the mode.

`run` is the daemon, `learn` everything that trains, `machine` what is asked of an installation, `access` which market
and account the settings name. Heavy rooms are imported inside functions: `trader --help` needs none of them, and the
live process must never load a learning library.
"""
