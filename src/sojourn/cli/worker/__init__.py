"""What runs in a worker process: the application, wrapped in sessions, behind granian."""
