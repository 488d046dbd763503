"""A queue of jobs in front of compute servers, known in closed form."""
