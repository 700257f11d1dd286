"""The report that a person reads before promoting: its values, its page, its file. Asks nothing and decides nothing."""
