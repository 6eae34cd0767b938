"""Keep pictures' vectors in PostgreSQL with pgvector, and find those that resemble a photo; needs `psycopg[binary]`.

python picture_database.py http://127.0.0.1:8000 postgresql://localhost/pictures add one.jpg two.jpg
python picture_database.py http://127.0.0.1:8000 postgresql://localhost/pictures find photo.jpg
"""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import psycopg

TABLE = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS picture (
    name text,
    embedding_space text,  -- which model's: vectors of different spaces have nothing to say to each other
    embedding vector({dim}) NOT NULL,
    PRIMARY KEY (name, embedding_space)
);
CREATE INDEX IF NOT EXISTS picture_by_cosine ON picture USING hnsw (embedding vector_cosine_ops)
"""
ADD = """
INSERT INTO picture VALUES (%s, %s, %s)
ON CONFLICT (name, embedding_space) DO UPDATE SET embedding = excluded.embedding
"""
NEAREST = """
SELECT name, 1 - (embedding <=> %(vector)s) AS similarity FROM picture
WHERE embedding_space = %(space)s ORDER BY embedding <=> %(vector)s LIMIT 5
"""


def embed(url: str, picture: str) -> dict:
    """Return a picture's unit vector, `embedding`, and the space that it is of, `embedding_space`."""
    boundary = uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="photo"\r\n\r\n'
    body = head.encode() + Path(picture).read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with urlopen(Request(f"{url}/v1/embed/image", data=body, headers=headers), timeout=30) as answer:
        return json.load(answer)


url, database, what, *pictures = sys.argv[1:]
with psycopg.connect(database) as connection:
    for picture in pictures:
        found = embed(url, picture)
        vector = str(found["embedding"])  # pgvector reads what Python and JSON write: [0.1, 0.2]
        if what == "add":
            connection.execute(TABLE.format(dim=found["dim"]))
            connection.execute(ADD, (picture, found["embedding_space"], vector))
        else:
            for row in connection.execute(NEAREST, {"vector": vector, "space": found["embedding_space"]}):
                print(f"{row[1]:.4f} {row[0]}")
