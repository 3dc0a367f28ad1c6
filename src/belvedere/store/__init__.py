"""The database: jobs, claims, events and identities, in SQLite now and PostgreSQL through the same seam.

The service, the reconciler and the identity room use it. It stores facts, computes no rule of its own and makes no
network call inside a transaction. SQLite-only SQL is in `store.sqlite` alone.
"""
