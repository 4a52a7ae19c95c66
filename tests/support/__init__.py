"""What several tests build on: tiny settings, synthetic runs, linear heads, a browser."""
