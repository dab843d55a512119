"""One file per family of features: what each column is, and the kernel that computes it."""
