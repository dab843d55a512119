"""`trader doctor`: what is there and what is missing."""
