"""Typer commands, one file per group: parse, call, print. No logic."""


def main() -> None:
    """Entry point of the `trader` command."""
