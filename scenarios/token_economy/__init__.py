"""A whole token economy, hour by hour: populations that use every mechanism, and fight back."""
