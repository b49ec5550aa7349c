"""What each magic calls: one session method, and the shape the user asked for."""
