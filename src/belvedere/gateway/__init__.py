"""The public way to a viewer: who asks, which viewer, is it up; then bytes both ways.

Browsers and scripts come in here. It holds routes in memory, asks the identity room, and never changes a job.
"""
