"""Files, disks, locks, JSON, buckets and proxies: for every room. Read `durable_writes` first."""
