"""The loop around `decide()`: claim, look, decide, act, write guarded, look again.

`server` runs it. It has no rules and no HTTP.
"""
