"""Turning the bytes of a file into text, in a process that may be killed."""
