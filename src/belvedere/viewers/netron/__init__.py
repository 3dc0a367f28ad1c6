"""Netron: `viewer` describes it to the host, `program` runs in its own environment.

It comes by the entry point that plug-ins use, and is as unlike TensorBoard as a viewer can be: it shows models instead
of logs, starts cold, has nothing to load, and its pages ask for nothing by themselves.
"""
