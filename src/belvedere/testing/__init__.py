"""Fakes that pass the conformance suites, for our tests and for those of plug-ins.

Nothing in the product imports it.
"""
