"""`make loop`: the whole loop on this machine, told step by step: a bad answer, votes, a diagnosis, a candidate, a
report, an approval, the same question again, and back.

Drives the public commands and the HTTP interface as people do; it knows none of the parts behind them. Every claim that
it makes is checked as it goes, and the first that does not hold ends it with exit code 1.
"""
