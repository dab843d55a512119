"""`Engine.process(event) -> list[Decision]`: the one place where decisions are made."""
