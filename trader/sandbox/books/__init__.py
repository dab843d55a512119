"""Recorded order books as a market: read, kept in order, and played update by update."""
