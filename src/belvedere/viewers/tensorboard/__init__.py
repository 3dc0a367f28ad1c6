"""TensorBoard: `viewer` describes it to the host, `program` runs it."""
