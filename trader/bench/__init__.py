"""The instruments of `trader bench`."""
