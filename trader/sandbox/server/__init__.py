"""The sandbox as a process.

run          one port, every door; starts and stops
assembly     puts market, matching and doors together from `options`
sandbox      the running exchanges: what lives from start to stop
control      /sandbox/state, /sandbox/clock, /sandbox/shutdown; `fault_pages` /sandbox/faults and /sandbox/deposit
process      the embedded sandbox: found again by its `status` file, or started
chaos        a driver that makes a running sandbox go wrong by seed
tls          certificates for every host of an exchange

Begin with `assembly`.
"""
