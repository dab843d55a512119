"""The control socket and what is told over it."""
