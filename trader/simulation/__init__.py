"""The simulated exchange: matching, costs, its own account. Serves paper, sandbox and backtest."""
