"""Who did what, for the record: a line in the log for each."""

import msgspec
import structlog

from belvedere.identity.shares import ShareDeed

_log = structlog.get_logger("belvedere.audit")


def log_share_deed(deed: ShareDeed) -> None:
    """Something was done with a share link."""
    facts = msgspec.structs.asdict(deed)
    del facts["act"], facts["at"]  # the line's own event and time
    _log.info(deed.act.value, **facts)
