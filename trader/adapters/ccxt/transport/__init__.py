"""Requests and subscriptions: one guarded client, its errors, time and sessions."""
