"""The use cases: validate, check the quota, record the intent, hint the reconciler.

The API and the console call it. It starts nothing itself and knows no HTTP.
"""
