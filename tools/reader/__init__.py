"""The recipe of a reader: the shipped embedder, trained as a cross-encoder that ranks passages and marks sentences.

`prepare` turns rows of questions and passages into one table of tokens. `train` reads that table and the base model, on
a machine with a GPU that need have no more than torch, transformers, numpy and safetensors. What comes out does not
ship: docs/decisions/009-no-reader-in-the-answer.md has the figures and says why.
"""
