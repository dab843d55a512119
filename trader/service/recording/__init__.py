"""The recorder and its child process.

recorder  the daemon's end: inputs are handed over and never waited for
child     the process; `keeper` its work: spool at once, Parquet every few minutes, nothing beyond its limits

Begin with `recorder`.
"""
