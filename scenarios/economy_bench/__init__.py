"""What the economy's code costs, against plain models of the same things."""
