"""Model artefacts on disk and the registry that vouches for them."""
