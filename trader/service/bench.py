"""`trader bench`: the speed of the parts that matter, measured on this machine now."""
