"""Non-delivery reports in the shapes that real mail systems give them."""
