"""The recorder and its child process."""
