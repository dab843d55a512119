"""One daemon process: lock, loop, children, paths, compiled kernels."""
