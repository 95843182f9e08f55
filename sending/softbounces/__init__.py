"""Bounces that are not final by themselves: after several an address is written to no more."""
