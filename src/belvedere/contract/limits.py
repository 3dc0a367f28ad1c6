"""Limits of the contract, each with the ModelArts page that states it (or "ours" where none does)."""

import re
from typing import Final

JOB_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,20}")  # Creating a Visualization Job, Table 2
JOB_DESCRIPTION_LENGTH: Final = 256  # ibid., characters
AUTO_STOP_HOURS: Final = 24  # ibid., Table 4: 0..24; 0 means that nothing stops the job (ours: undocumented there)
AUTO_STOP_SECONDS: Final = AUTO_STOP_HOURS * 3600
PAGE_SIZE: Final = 1000  # Querying Visualization Jobs: per_page 1..1000
PAGE_SIZE_DEFAULT: Final = 10
SEARCH_LENGTH: Final = 100  # its own error text says 100, its table 64; we take the wider
SLEEP_AFTER_LEAST: Final = 10  # ours, seconds: shorter, and a viewer would fall asleep between two looks at it
SLEEP_AFTER_MOST: Final = 86400  # ours, seconds: longer means never, which has a word of its own
JOB_ID: Final = 2**63 - 1  # Long
BODY_BYTES: Final = 12 * 2**20  # API gateway: 413 past 12 MB
TRAIN_URL_BYTES: Final = 4096  # ours: bucket and a key of 1,024 bytes, percent-encoded, with room
TAGS: Final = 20  # ours
TAG: Final = re.compile(r"[\w.:/=+@-]{1,64}")  # ours
SOURCES: Final = 50  # ours: of one job; each is a mirror, and a listing at every look
SOURCE_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # ours: a folder's name everywhere
PATTERNS: Final = 20  # ours: of one kind, in one source
PATTERN_LENGTH: Final = 256  # ours, characters
PATTERN_DEPTHS: Final = 4  # ours: ** in one pattern, each of which multiplies the ways to match
LATEST_RUNS: Final = 1000  # ours
IDEMPOTENCY_KEY: Final = re.compile(r"[\x21-\x7e]{1,255}")  # ours, after the IETF draft "Idempotency-Key"
IDEMPOTENCY_HOURS: Final = 24  # ours
DEFAULT_WORKSPACE: Final = "0"
