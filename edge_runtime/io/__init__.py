"""Files, disks, locks, JSON and buckets: everything that touches the world outside. Read `durable_writes` first."""
