"""The exchange's own records: what goes in and out of it, what it keeps, and where.

sim_orders   requests, orders, trades, events
positions    positions of a margined account and the money that moves on it
conditional  requests that wait for a price, and when it is reached
memory       the seam between matching and storage, and its form in memory
store        its form on disk; `store_tables` the tables

Begin with `sim_orders`.
"""
