"""API keys are shown once, stored as hashes, carry roles, expire, are rotated with an overlap, and end when revoked."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from core.api_key import ApiKey
from core.errors import ConflictError, InputError, NotFoundError
from core.storage.api_keys import ApiKeyRepository
from core.storage.database import Database
from core.storage.tables import api_keys
from core.types import Role

DAY = timedelta(days=1)


def test_a_key_is_known_by_its_text_and_carries_its_labels(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("support", ["support", "public"])
    found = repository.authenticate(text)
    assert found == key
    assert found.scope.labels == {"support", "public"}


def test_the_secret_is_stored_nowhere(database: Database) -> None:
    _, text = ApiKeyRepository(database).create("a")
    with database.transaction() as connection:
        row = connection.execute(select(api_keys)).one()
    assert text.split("_", 2)[2] not in str(row)


@pytest.mark.parametrize(
    "mangle", [lambda t: t[:-1], lambda t: t + "x", lambda t: t.upper(), lambda _: "", lambda _: "rl__"]
)
def test_a_text_that_is_not_exactly_the_key_is_unknown(database: Database, mangle) -> None:  # type: ignore[no-untyped-def]
    repository = ApiKeyRepository(database)
    _, text = repository.create("a")
    assert repository.authenticate(mangle(text)) is None


def test_the_secret_of_one_key_does_not_open_another(database: Database) -> None:
    repository = ApiKeyRepository(database)
    first, _ = repository.create("a")
    _, second = repository.create("b")
    assert repository.authenticate(f"rl_{first.id}_{second.split('_', 2)[2]}") is None


def test_an_expired_key_is_unknown(database: Database) -> None:
    repository = ApiKeyRepository(database)
    _, text = repository.create("a", expires_in=timedelta(seconds=-1))
    assert repository.authenticate(text) is None


def test_a_revoked_key_ends_at_once_and_stays_listed(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("a")
    assert repository.revoke(key.id)
    assert repository.authenticate(text) is None
    assert repository.all()[0].revoked_at is not None
    assert not repository.revoke("unknown")


def test_revoking_again_does_not_change_when_a_key_was_revoked(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, _ = repository.create("a")
    repository.revoke(key.id)
    first = repository.all()
    assert repository.revoke(key.id)
    assert repository.all() == first


def test_a_key_may_do_what_its_roles_say_and_an_admin_everything(database: Database) -> None:
    repository = ApiKeyRepository(database)
    plain, _ = repository.create("a")
    reviewer, _ = repository.create("a", roles=[Role.REVIEW, Role.CHAT, Role.REVIEW])
    admin, _ = repository.create("a", roles=[Role.ADMIN])
    assert plain.roles == {Role.CHAT}
    assert {role for role in Role if reviewer.actor.may(role)} == {Role.CHAT, Role.REVIEW}
    assert all(admin.actor.may(role) for role in Role)


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "a\x00", "a\u202eb", "\ud800", "x" * 201])
def test_a_name_that_does_not_fit_one_line_is_refused(database: Database, name: str) -> None:
    with pytest.raises(InputError):
        ApiKeyRepository(database).create(name)


def test_spaces_around_a_name_make_no_other_person_of_it(database: Database) -> None:
    assert ApiKeyRepository(database).create(" Anna ")[0].actor.name == "Anna"


# ---------------------------------------------------------------- rotation


def ends_about(key: ApiKey, moment: datetime) -> bool:
    return key.expires_at is not None and abs(key.expires_at - moment) < timedelta(minutes=1)


def test_a_rotated_key_goes_on_for_the_overlap_beside_the_one_that_replaces_it(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, old_text = repository.create("ci", ["hr"], roles=[Role.REVIEW, Role.INGEST])
    old, new, new_text = repository.rotate(key.id, DAY)
    assert repository.authenticate(old_text) == old
    assert repository.authenticate(new_text) == new
    assert (new.name, new.access, new.roles, new.replaces) == (key.name, key.access, key.roles, key.id)
    assert new.expires_at is None
    assert ends_about(old, datetime.now(UTC) + DAY)
    assert old.replaces is None


def test_without_an_overlap_the_old_key_ends_at_once(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("ci")
    repository.rotate(key.id, timedelta(0))
    assert repository.authenticate(text) is None


def test_the_overlap_never_lengthens_a_key_s_life(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, _ = repository.create("ci", expires_in=timedelta(hours=1))
    old, new, _ = repository.rotate(key.id, DAY)
    assert old.expires_at == key.expires_at
    assert ends_about(new, datetime.now(UTC) + timedelta(hours=1))


def test_a_key_that_expires_is_replaced_by_one_that_lives_as_long_as_it_was_made_to(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, _ = repository.create("ci", expires_in=90 * DAY)
    old, new, _ = repository.rotate(key.id, DAY)
    assert ends_about(old, datetime.now(UTC) + DAY)
    assert ends_about(new, datetime.now(UTC) + 90 * DAY)


def test_a_key_is_rotated_once_and_then_the_one_that_replaced_it(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, text = repository.create("ci")
    old, new, _ = repository.rotate(key.id, DAY)
    with pytest.raises(ConflictError) as refused:
        repository.rotate(key.id, 9 * DAY)
    assert new.id in refused.value.message
    assert repository.authenticate(text) == old  # and its end has not moved
    _, third, _ = repository.rotate(new.id, DAY)
    assert third.replaces == new.id
    assert len(repository.all()) == 3


@pytest.mark.parametrize("how", ["revoked", "expired"])
def test_a_key_that_is_over_is_not_rotated(database: Database, how: str) -> None:
    repository = ApiKeyRepository(database)
    key, _ = repository.create("ci", expires_in=timedelta(seconds=-1) if how == "expired" else None)
    if how == "revoked":
        repository.revoke(key.id)
    with pytest.raises(ConflictError, match="revoked or expired"):
        repository.rotate(key.id, DAY)
    assert len(repository.all()) == 1


def test_a_key_that_is_not_there_is_not_rotated(database: Database) -> None:
    with pytest.raises(NotFoundError):
        ApiKeyRepository(database).rotate("nobody", DAY)


def test_of_those_who_rotate_a_key_at_the_same_time_one_does(database: Database) -> None:
    repository = ApiKeyRepository(database)
    key, _ = repository.create("ci")
    start, refused = threading.Barrier(6), []

    def rotate() -> None:
        start.wait()
        try:
            repository.rotate(key.id, DAY)
        except ConflictError as error:
            refused.append(error)

    threads = [threading.Thread(target=rotate) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert len(repository.all()) == 2
