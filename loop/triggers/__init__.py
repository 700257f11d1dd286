"""When something has to be done: rules over figures of the loop, and what fired."""
