"""Belvedere: a real TensorBoard on your training logs, at a stable URL, behind sign-in, until its time is up."""

__version__ = "0.1.0"
