"""MindInsight: `viewer` describes it to the host, `program` runs in its own environment."""
