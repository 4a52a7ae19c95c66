"""The explorer: one page to walk along traversals, several runs side by side."""
