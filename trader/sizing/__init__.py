"""How much: fractional Kelly and every cap."""
