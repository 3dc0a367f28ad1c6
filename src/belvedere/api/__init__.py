"""The HTTP contract: parse, authenticate, call the service, map errors; OpenAPI from the same types.

It holds no rule of its own.
"""
