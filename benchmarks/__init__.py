"""Benchmarks: we and our peers side by side in one run. ``python -m benchmarks [names…] [--quick]``.

`summary` and `report` are pure; `scenarios` measure, one module each; `programs` are what they start
beside the product.
"""
