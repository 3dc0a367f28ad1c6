"""Scenarios: each measures one thing, of us and of a peer, and gives a chapter."""
