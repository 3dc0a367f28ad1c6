"""Programs that benchmarks start beside the product, each in a process of its own."""
