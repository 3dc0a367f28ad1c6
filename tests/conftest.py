"""What holds for all tests."""

import os
import sys

# Without kept bytecode each process that a test starts compiles all that it imports: thrice the work.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
