"""Long, seeded tests that `scripts/soak NAME` runs: each module here is one, and takes `--seconds` and `--seed`."""
