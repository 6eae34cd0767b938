"""Store image vectors in PostgreSQL with pgvector, and find images that resemble a photo. Needs `psycopg[binary]`.

python picture_database.py http://127.0.0.1:8000 postgresql://localhost/pictures add one.jpg two.jpg
python picture_database.py http://127.0.0.1:8000 postgresql://localhost/pictures find photo.jpg
"""

import json
import sys
from pathlib import Path
from urllib.request import Request, urlopen
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Composed, Identifier, Literal

TABLE = """
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE IF NOT EXISTS {table} (name text PRIMARY KEY, embedding vector({dim}) NOT NULL);
CREATE INDEX IF NOT EXISTS {index} ON {table} USING hnsw (embedding vector_cosine_ops)
"""
ADD = "INSERT INTO {table} VALUES (%s, %s) ON CONFLICT (name) DO UPDATE SET embedding = excluded.embedding"
NEAREST = """
SELECT name, 1 - (embedding <=> %(vector)s) AS similarity FROM {table}
ORDER BY embedding <=> %(vector)s LIMIT 5
"""


def in_table(statement: str, found: dict) -> Composed:
    """Return an SQL statement for the table of an embedding space.

    One table for each space: vectors of different spaces cannot be compared and may differ in length, and an index over
    one space returns as many rows as the query asks for.
    """
    table = f"picture_{found['embedding_space'][:16]}"
    names = {"table": Identifier(table), "index": Identifier(f"{table}_by_cosine")}
    return SQL(statement).format(**names, dim=Literal(found["dim"]))


def embed(url: str, picture: str) -> dict:
    """Return the service's JSON for an image: `embedding` (unit vector) and `embedding_space`."""
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
        vector = str(found["embedding"])  # pgvector parses the notation of Python and JSON: [0.1, 0.2]
        if what == "add":
            connection.execute(in_table(TABLE, found))
            connection.execute(in_table(ADD, found), (picture, vector))
        else:
            for row in connection.execute(in_table(NEAREST, found), {"vector": vector}):
                print(f"{row[1]:.4f} {row[0]}")
