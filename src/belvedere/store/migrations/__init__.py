"""How the schema came to be, step by step. Run by `open_store`; new steps are written with Alembic."""
