"""Releases over HTTP: making one, deciding on it, switching, and the common errors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import AsyncClient

from core.storage.releases import ReleaseRepository
from core.types import PUBLIC, Role
from tests.support.app_world import World
from tests.support.release_world import report

CHANGES = {"retrieval.top_k": 3}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {"environment": "production"}).ingest()


@pytest.fixture
async def client(world: World) -> AsyncIterator[AsyncClient]:
    async with world.client() as client:
        yield client


def key(world: World, name: str, *roles: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.keys.create(name, (PUBLIC,), None, roles)[1]}"}


async def post(client: AsyncClient, path: str, who: dict[str, str], status: int, **body: Any) -> Any:
    response = await client.post(f"/v1/releases{path}", json=body, headers=who)
    assert response.status_code == status, response.text
    return response.json()


async def test_a_release_goes_from_one_person_to_the_next_until_it_answers_and_back(
    client: AsyncClient, world: World
) -> None:
    assert world.release is not None
    ann, bob = key(world, "ann", Role.REVIEW), key(world, "bob", Role.REVIEW, Role.APPROVE)
    made = await post(client, "", ann, 201, changes=CHANGES, name="brief", reason="fewer passages")
    assert made.keys() == {"id", "name", "status", "manifest", "created_by", "created_at"}
    assert (made["status"], made["manifest"]["retrieval"]["top_k"]) == ("candidate", 3)
    path = f"/{made['id'][:12]}"
    candidate = ReleaseRepository(world.database).get(made["id"])
    assert candidate is not None
    evaluation = report(world, candidate)

    await post(client, f"{path}/approve", bob, 200, reason="reads better", evaluation_id=evaluation)
    assert (await post(client, f"{path}/promote", bob, 200))["status"] == "champion"
    listed = (await client.get("/v1/releases", headers=ann)).json()
    assert listed["champion"] == made["id"]
    assert (listed["releases"][0]["name"], listed["releases"][0]["why"]) == ("brief", "fewer passages")
    back = await post(client, "/rollback", bob, 200, reason="worse on holidays")
    assert (back["id"], back["status"]) == (world.release.id, "champion")

    shown = (await client.get(f"/v1/releases{path}", headers=ann)).json()
    assert shown["status"] == "retired"
    history = (await client.get(f"/v1/releases{path}/history", headers=ann)).json()["events"]
    assert [(event["event"], event["actor"], event["evaluation_id"]) for event in history] == [
        ("created", "ann", None),
        ("approved", "bob", evaluation),
        ("promoted", "bob", evaluation),
        ("rolled_back", "bob", None),
    ]
    assert history[-1]["reason"] == "worse on holidays"


async def test_a_reviewer_rejects_and_cannot_approve_promote_or_roll_back(client: AsyncClient, world: World) -> None:
    ann = key(world, "ann", Role.REVIEW)
    made = await post(client, "", ann, 201, changes=CHANGES)
    for deed in (f"/{made['id']}/approve", f"/{made['id']}/promote", "/rollback"):
        refused = await post(client, deed, ann, 403, reason="please")
        assert refused["error"]["type"] == "permission_error"
    assert (await post(client, f"/{made['id']}/reject", ann, 200, reason="slower"))["status"] == "rejected"


async def test_an_override_is_an_admins(client: AsyncClient, world: World) -> None:
    bob, eve = key(world, "bob", Role.REVIEW, Role.APPROVE), key(world, "eve", Role.ADMIN)
    made = await post(client, "", bob, 201, changes=CHANGES)
    body = {"override": True, "reason": "urgent"}
    assert (await post(client, f"/{made['id']}/promote", bob, 403, **body))["error"]["hint"]
    assert (await post(client, f"/{made['id']}/promote", eve, 200, **body))["status"] == "champion"


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("", {"changes": {"retrieval.topk": "3"}}, 400, "retrieval.top_k"),
        ("", {"changes": {"retrieval.top_k": "many"}}, 400, "retrieval.top_k"),
        ("", {"changes": {}}, 409, "champion's own"),
        ("", {"base": "nothing", "changes": {}}, 404, "nothing"),
        ("", {"from": "champion"}, 400, "from"),
        ("", {"changes": {"a\u0000": "b"}}, 400, "changes"),
        ("", {"changes": {"generator.kind": "llm"}}, 409, "needs a model server"),
        ("/rollback", {}, 400, "reason"),
        ("/rollback", {"reason": " "}, 400, "reason"),
        ("/rollback", {"reason": "a\u0000"}, 400, "reason"),
        ("/rollback", {"reason": "x"}, 409, "no champion before"),
        ("/ffff/approve", {"reason": "x"}, 404, "ffff"),
        ("/ffff/reject", {}, 400, "reason"),
        ("/ffff/promote", {"override": "perhaps"}, 400, "override"),
        ("/%00/promote", {}, 404, "release"),
        ("/..%2f/promote", {}, 404, "nothing at this address"),
    ],
)
async def test_what_cannot_be_done_says_what_is_wrong_in_the_common_form(
    client: AsyncClient, world: World, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    error = (await post(client, path, key(world, "eve", Role.ADMIN), status, **body))["error"]
    assert said in error["message"] + error["hint"]
    assert error.keys() == {"type", "message", "hint", "param", "code"}


async def test_a_release_that_is_not_there_is_not_found(client: AsyncClient, world: World) -> None:
    ann = key(world, "ann", Role.REVIEW)
    for path in ("/v1/releases/ffff", "/v1/releases/ffff/history", "/v1/releases/%25"):
        assert (await client.get(path, headers=ann)).status_code == 404


async def test_a_champion_that_cannot_be_opened_is_a_503_that_readyz_shows(client: AsyncClient, world: World) -> None:
    world.index.drop(world.spec.name)
    asked = await client.post("/v1/search", json={"query": "holiday"}, headers=key(world, "me", Role.CHAT))
    assert asked.status_code == 503
    assert asked.json()["error"]["type"] == "release_unavailable"
    assert "retry-after" in asked.headers
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["checks"]["release"] == "release_unavailable"
