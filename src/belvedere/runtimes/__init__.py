"""Where a viewer host runs: on this machine now; Kubernetes and Slurm through the same seam later.

The reconciler uses it. A runtime holds no rules about jobs; it makes things so, says what is, and forgets nothing that
it runs.
"""
