"""What makes a running engine a service.

serving    puts the wings around it
process    one daemon process: lock, loop, children, compiled kernels, how the market is reached
control    the control socket: commands in, status and lists out
learning   models: care, retraining, training, tuning, candle history
explaining one decision in plain words, from the ledger
recording  the recorder and its child process
doctor     `trader doctor`

Begin with `serving`.
"""
