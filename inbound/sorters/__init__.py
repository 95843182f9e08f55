"""What a mail does: one small decision a file, each once."""
