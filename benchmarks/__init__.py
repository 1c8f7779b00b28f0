"""Benchmarks against baselines that run in the same process, or in the same run."""
