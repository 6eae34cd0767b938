"""How long what is published may be kept, by whoever serves it."""

IMMUTABLE = "public, max-age=31536000, immutable"  # a year, the most that caches honour
REVALIDATE = "no-cache"  # may be kept, but must be asked for each time; the ETag makes that cheap
