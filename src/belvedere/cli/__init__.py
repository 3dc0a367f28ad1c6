"""The command line: `belvedere serve | job … | doctor`.

Apart from `serve` and `host` it knows `contract` and `client` alone.
"""
