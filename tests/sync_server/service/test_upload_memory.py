"""Bodies of requests in memory."""

from __future__ import annotations

from edge_identify.sync_server.service.upload_memory import UploadBuffer, UploadMemory


def test_a_body_reads_back_and_gives_its_memory_back() -> None:
    memory = UploadMemory(100)
    body = UploadBuffer(memory, 50)
    body.append(b"ab")
    body.append(b"cd")
    assert (len(body), body.getfile().read(), memory.held_bytes) == (4, b"abcd", 4)
    body.close()
    body.close()
    assert memory.held_bytes == 0


def test_a_body_over_its_limit_keeps_its_length_and_nothing_else() -> None:
    memory = UploadMemory(100)
    body = UploadBuffer(memory, 50)
    body.append(b"a" * 40)
    body.append(b"a" * 40)
    assert (len(body), body.getfile().read(), memory.held_bytes) == (80, b"", 0)


def test_all_bodies_count_until_the_last_user_is_gone() -> None:
    memory = UploadMemory(10)
    bodies = [UploadBuffer(memory, 50) for _ in range(2)]
    for body in bodies:
        body.append(b"a" * 6)
    assert memory.is_full
    del body
    bodies.pop()
    assert (memory.held_bytes, memory.is_full) == (6, False)
    bodies[0].drop()
    bodies[0].append(b"a" * 6)
    assert (memory.held_bytes, len(bodies[0]), bodies[0].is_dropped) == (0, 12, True)
