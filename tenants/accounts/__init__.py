"""The tree operator > reseller > tenant and the state of each."""
