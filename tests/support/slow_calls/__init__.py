"""A folder for PYTHONPATH: see its `sitecustomize`."""
