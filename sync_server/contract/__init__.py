"""What the service promises: each route described once, from which come its checks and its documents."""
