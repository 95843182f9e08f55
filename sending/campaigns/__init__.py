"""One mailing to one list: written, tried out, started, and accounted for recipient by recipient."""
