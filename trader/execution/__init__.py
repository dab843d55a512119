"""From a wanted position to orders: impact, plans, algorithms, order tracking, reconciliation."""
