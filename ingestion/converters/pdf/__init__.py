"""PDF files: their pages' text by PDFium, seen through by a second reader that knows nothing of the first."""
