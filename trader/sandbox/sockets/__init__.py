"""Websockets of every exchange: who listens to what, and who is connected."""
