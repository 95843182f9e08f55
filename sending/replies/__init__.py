"""What the other side's answer means: the one classifier in the house, for SMTP replies and bounces alike."""
