"""Logging: one JSON object a line on standard error, with the request id and the job id bound by whoever knows them."""

import logging
import sys

import structlog
from aiohttp.http_exceptions import BadHttpMessage


def configure_logging(*, log_format: str, level: str) -> None:
    """Send structlog's and the standard library's records the same way. Call once, at start."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(is_our_business)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("uvicorn.access", "aiohttp.access", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),  # what nobody wants to read costs nothing
        cache_logger_on_first_use=True,
    )


def is_our_business(record: logging.LogRecord) -> bool:
    """Whether a record tells of us. What strangers send that is no HTTP does not: they could fill the disk with it."""
    return not (record.exc_info and isinstance(record.exc_info[1], BadHttpMessage))
