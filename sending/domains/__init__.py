"""A tenant's From domains: their keys, the DNS records to publish, and the evidence that they are there."""
