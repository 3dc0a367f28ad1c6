"""A job may have several log sources. Those that there are keep their `train_url`, which NULL stands for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take the step."""
    op.add_column("jobs", sa.Column("sources", sa.Text()))
