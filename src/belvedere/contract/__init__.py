"""The wire: request and response shapes, ModelArts spellings, statuses, the error catalogue, limits.

Everyone may import it. It does no I/O, knows no web framework and decides nothing about a job's life.
"""
