"""Cutting a document into chunks: its blocks, where a long one is cut, and the splitter."""
