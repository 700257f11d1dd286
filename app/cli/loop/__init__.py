"""`ragloop feedback`, `ragloop triggers`: the loop on the command line."""
