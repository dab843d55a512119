"""Times for people."""

from datetime import UTC, datetime


def day_time(ts_ms: float) -> str:
    """2024-08-08 23:54:15"""
    return datetime.fromtimestamp(ts_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
