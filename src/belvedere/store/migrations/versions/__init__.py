"""The steps, each named by what it does; their order is in their `down_revision`."""
