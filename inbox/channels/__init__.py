"""The outside world: send and parse, nothing else. No database, no policy."""
