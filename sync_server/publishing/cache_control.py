"""`Cache-Control` values of published files, for every host that serves them."""

IMMUTABLE = "public, max-age=31536000, immutable"  # one year, the most that caches obey
REVALIDATE = "no-cache"  # caches must revalidate each time; the ETag makes that cheap
