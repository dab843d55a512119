"""An async crypto trading daemon. The map of the rooms is docs/architecture.md."""

__version__ = "0.1.0"
