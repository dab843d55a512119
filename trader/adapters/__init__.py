"""The outside world behind the ports: exchanges, database, files."""
