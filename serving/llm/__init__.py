"""Answers written by a served model: the endpoint, its limits, the context, the stream.

Knows LangChain's chat-model interface and nothing of the vendors behind it. May import serving's own modules and core.
"""
