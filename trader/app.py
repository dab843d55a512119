"""The composition root: settings in, a wired service out. The only place that knows the mode."""
