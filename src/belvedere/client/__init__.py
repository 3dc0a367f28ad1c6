"""The Python client of the HTTP contract.

Users and the CLI import it. It imports `contract` alone.
"""
