"""A local exchange server that speaks Binance's wire protocol over the simulation's matching."""
