"""All changing state of the core, in one place, each part with one writer."""
