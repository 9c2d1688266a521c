"""What integrators are told: the types of events, and the body of each."""
