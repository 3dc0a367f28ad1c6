"""The composition root: settings, wiring, logging, metrics, health, shutdown.

`belvedere serve` runs it. Only here do the rooms meet.
"""
