"""Files that are text: which encoding they are in, and how tables, notebooks and light markup read."""
