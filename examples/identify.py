"""Identify a photo with a service: `python identify.py http://127.0.0.1:8000 photo.jpg`. Standard library only."""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

url, photo = sys.argv[1], Path(sys.argv[2])
boundary = uuid4().hex
head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n'
body = head.encode() + photo.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
with urlopen(Request(f"{url}/v1/identify", data=body, headers=headers), timeout=30) as answer:
    found = json.load(answer)
# The decision: identified, probably (check it), ambiguous, unknown (the match is only the nearest), or None.
print(found["decision"], found["matches"][0]["name"], found["matches"][0]["confidence"])
