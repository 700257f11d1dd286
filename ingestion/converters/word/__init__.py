"""Word documents: the newer ones made ready for their reader, the older ones' text in lines."""
