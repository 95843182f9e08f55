"""Who is who, what they may do, whom they write to."""
