"""Markets that are made up from a seed."""
