"""Reading other people's test sets as cases: one module per format, each a function from a path to what was read.

`evals.cases.importing.formats` lists them. Nothing here touches the database.
"""
