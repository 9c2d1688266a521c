"""What is held of people: where it is, how long it stays, and how it is found, handed out and removed."""
