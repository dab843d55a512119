"""The sandbox as a process: options, assembly, one port, control pages, and how it is found again."""
