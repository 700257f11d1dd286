"""What answers say in RAGLoop's own words, in the language of the question. Pure.

`wording.py` names everything that is said, `languages/` says it, one module a language, `catalogue.py` lists these and
tells which one a question gets.
"""
