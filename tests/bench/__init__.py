"""Benchmarks: how long answers take with few and with many messages stored. `make bench` runs them."""
