"""Every knob, in one frozen tree: `schema.Settings`.

schema       the tree: one block per file of this room, each a knob with unit, range, default and one line of words
section      what every block is made of
load         settings from a YAML file, the environment and the command line
credentials  API keys: from the environment or files it names, never from the configuration
document     writes `config.yaml` and `docs/config.md`: run `python -m trader.config.document` after a change

Begin with `schema`.
"""

from trader.config.schema import Settings

__all__ = ["Settings"]
