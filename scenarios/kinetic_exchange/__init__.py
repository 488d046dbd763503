"""Random exchange of money, whose equilibria are known in closed form."""
