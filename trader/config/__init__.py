"""Every knob, in one frozen tree: `schema.Settings`. Reading files and the environment is `load`."""

from trader.config.schema import Settings

__all__ = ["Settings"]
