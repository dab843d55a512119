"""One account: orders, executions, balances, payments, margin and keys."""
