"""Websockets of every exchange.

hub          who listens to which stream; every message is encoded once
connections  which sockets are open, and when a client was last here
"""
