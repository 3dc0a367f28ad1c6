"""The pure rules of a job's life: its facts, the status computed from them, the verbs, `decide()` and the schedule.

The service, the reconciler, the store and the viewer host use its values. It does no I/O, reads no clock, and knows
neither HTTP nor SQL.
"""
