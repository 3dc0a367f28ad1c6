"""The viewer host: a process that turns viewer specifications into living viewers.

It owns mirrors and viewer processes and answers a small control API on a unix socket. Runtimes start it and talk to it.
It outlives the control plane's restarts, imports nothing of it, and stores nothing that it could not rebuild.
"""
