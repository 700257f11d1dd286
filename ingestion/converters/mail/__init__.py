"""Messages with what is attached to them, single and by the mailbox."""
