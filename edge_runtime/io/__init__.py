"""Files, disks, locks, JSON, buckets and proxies: input and output that every room shares. Read `durable_writes` first."""
