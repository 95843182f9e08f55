"""How much may leave a month, a day and an hour, counted exactly at operator, reseller and tenant."""
