"""The synchronous core (`Engine.process`) and the asyncio shell around it (inbox, scorer, runner)."""
