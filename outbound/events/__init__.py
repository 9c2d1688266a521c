"""What integrators receive: the types of events, and the body of each."""
