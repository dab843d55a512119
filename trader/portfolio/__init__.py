"""The ledger (the only code that changes positions and balances), valuation, performance."""
