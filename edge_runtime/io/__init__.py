"""Files, disks, locks, JSON and buckets: input and output that every room shares. Read `durable_writes` first."""
