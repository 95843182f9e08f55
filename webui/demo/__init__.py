"""The demonstration: one reseller, three tenants, real files, real letters, real mail through every room."""
