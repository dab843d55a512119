"""Models of a running daemon: care, retraining, training, tuning, history."""
