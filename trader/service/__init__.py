"""What makes the daemon a service: control socket, single-writer lock, child processes."""
