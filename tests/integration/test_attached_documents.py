"""What came with a message is a document of its own, which stands and falls with the message."""

from __future__ import annotations

import os
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from core.errors import FailureKind, NotFoundError
from core.storage.loop.erasures import ErasureRepository, Subject
from core.text.personal_data import PersonalDataPolicy
from core.types import AccessScope, DocumentState, chunk_id, document_id
from ingestion import source_reader
from ingestion.converters.worker import Outcome, Rejected, Task
from ingestion.verification import verify_all
from retrieval.arrangement import ranked, without_copies
from retrieval.fusion import FusedHit
from tests.fakes import InterruptedIndex
from tests.support.ingestion_pipeline import LIMITS, NOTES, InProcessSandbox, Workbench, counts
from tests.support.written_pdf import written_pdf

PRICES = b"article,euros\ndesk,40\n"
PLAN = b"# Plan\n\nWe paint the hall.\n"


def message(body: str = "The offer is attached.\n", **files: bytes) -> EmailMessage:
    """A message with files named by the keywords, of which the underscore is the dot."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Ann <ann@example.org>", "bob@example.org", "Offer"
    mail["Date"] = "Fri, 06 Mar 2026 09:30:00 +0100"
    mail.set_content(body)
    for name, data in files.items():
        mail.add_attachment(data, "application", "octet-stream", filename=name.replace("_", "."))
    return mail


def written(bench: Workbench, mail: EmailMessage, name: str = "offer.eml") -> Path:
    return bench.write(name, mail.as_bytes())


def uris(bench: Workbench) -> list[str]:
    return list(bench.texts())


def test_a_message_and_what_came_with_it_are_documents(bench: Workbench) -> None:
    pdf = written_pdf([["Page one is short."], ["The contract ends in May."]])
    written(bench, message(prices_csv=PRICES, contract_pdf=pdf))

    report = bench.ingest(bench.source(access=("hr",)))

    assert counts(report) == (3, 0, 0, 0, 0)
    assert report["documents"]["seen"] == 3
    assert uris(bench) == ["docs/offer.eml", "docs/offer.eml//contract.pdf", "docs/offer.eml//prices.csv"]
    stored = [one for one, _ in bench.index.scroll(bench.spec.name)]
    assert {one.access for one in stored} == {("hr",)}
    assert {str(one.facts.date) for one in stored} == {"2026-03-06"}
    assert {(one.chunk.page, one.chunk.last_page) for one in stored if "contract" in one.chunk.uri} == {(1, 2)}
    prices = bench.documents.get(document_id("docs/offer.eml//prices.csv"))
    assert prices is not None
    assert (prices.title, str(prices.date)) == ("prices", "2026-03-06")
    assert verify_all(bench.index, bench.documents, bench.spec.name).documents == 3


def test_an_unchanged_message_is_not_read_and_its_files_count_as_unchanged(bench: Workbench) -> None:
    path = written(bench, message(prices_csv=PRICES, scan_pdf=b"%PDF-1.7 nothing of the kind"))
    first = bench.ingest()
    path.chmod(0)
    revision = bench.index.revision(bench.spec.name)

    second = bench.ingest()

    assert counts(first) == (2, 0, 0, 0, 1)
    assert counts(second) == (0, 0, 2, 0, 1)
    assert second["failures"] == first["failures"]
    assert [one["uri"] for one in first["failures"]] == ["docs/offer.eml//scan.pdf"]
    assert bench.index.revision(bench.spec.name) == revision


def test_a_touched_message_with_the_same_bytes_leaves_its_files_as_they_are(bench: Workbench) -> None:
    path = written(bench, message(prices_csv=PRICES, scan_pdf=b"%PDF-1.7 nothing of the kind"))
    first = bench.ingest()
    os.utime(path, ns=(1, 1))

    second = bench.ingest()

    assert counts(second) == (0, 0, 2, 0, 1)
    assert second["failures"] == first["failures"]
    assert counts(bench.dry_run()) == (0, 0, 2, 0, 1)


def test_of_a_changed_message_only_what_changed_is_written_and_what_is_gone_is_deleted(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES, plan_md=PLAN, old_txt=b"The old terms."))
    bench.ingest()
    written(bench, message(prices_csv=PRICES, plan_md=PLAN + b"\nAnd the door.\n", new_txt=b"The new terms."))

    report = bench.ingest()

    assert counts(report) == (1, 2, 1, 1, 0)  # new.txt; the message and the plan; the prices; old.txt
    assert uris(bench) == [
        "docs/offer.eml",
        *(f"docs/offer.eml//{name}" for name in ("new.txt", "plan.md", "prices.csv")),
    ]
    assert bench.documents.get(document_id("docs/offer.eml//old.txt")) is None
    assert len(bench.documents.entries(bench.spec.name)) == 4
    assert verify_all(bench.index, bench.documents, bench.spec.name).documents == 4


def test_what_is_in_a_message_goes_with_its_file(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    inner = message("Forwarded.\n", prices_csv=PRICES)
    outer = message()
    outer.add_attachment(inner)
    path = written(bench, outer)
    assert counts(bench.ingest()) == (4, 0, 0, 0, 0)
    assert "docs/offer.eml//Offer.eml//prices.csv" in uris(bench)
    path.unlink()

    assert counts(bench.ingest()) == (0, 0, 1, 3, 0)
    assert uris(bench) == ["docs/notes.md"]
    assert [one.uri for one in bench.documents.page()] == ["docs/notes.md"]
    assert list(bench.documents.entries(bench.spec.name)) == [document_id("docs/notes.md")]


def test_a_message_that_is_no_longer_readable_keeps_what_came_with_it_unless_others_may_see_it_now(
    bench: Workbench,
) -> None:
    written(bench, message(prices_csv=PRICES))
    bench.ingest()
    bench.write("offer.eml", b"just words")

    assert counts(bench.ingest()) == (0, 0, 1, 0, 1)
    assert uris(bench) == ["docs/offer.eml", "docs/offer.eml//prices.csv"]
    assert counts(bench.ingest()) == (0, 0, 1, 0, 1)

    assert counts(bench.ingest(bench.source(access=("hr",)))) == (0, 0, 0, 1, 1)
    assert uris(bench) == []
    assert [one.uri for one in bench.documents.entries(bench.spec.name).values()] == ["docs/offer.eml"]


def test_other_labels_of_the_message_are_those_of_its_files_too(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES))
    bench.ingest()
    bench.embedder.embedded.clear()

    report = bench.ingest(bench.source(access=("hr",)))

    assert counts(report) == (0, 2, 0, 0, 0)
    assert {stored.access for stored, _ in bench.index.scroll(bench.spec.name)} == {("hr",)}
    assert bench.embedder.embedded == []


def test_deleting_a_message_deletes_what_came_with_it(bench: Workbench) -> None:
    bench.write("notes.md", NOTES)
    inner = message("Forwarded.\n", prices_csv=PRICES)
    outer = message(scan_pdf=b"%PDF-1.7 nothing of the kind")
    outer.add_attachment(inner)
    written(bench, outer)
    written(bench, message("Another one.\n", prices_csv=PRICES), "Offer.eml")
    bench.ingest()

    receipt = bench.delete("docs/offer.eml")

    assert (receipt["index"], receipt["documents"], receipt["manifest"]) == (3, 3, 4)
    left = ["docs/Offer.eml", "docs/Offer.eml//prices.csv", "docs/notes.md"]
    assert uris(bench) == left
    assert [one.uri for one in bench.documents.page()] == left
    assert sorted(one.uri for one in bench.documents.entries(bench.spec.name).values()) == left
    with pytest.raises(NotFoundError):
        bench.delete("docs/offer.eml")


def test_a_file_of_a_message_is_deleted_alone(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES))
    bench.ingest()

    bench.delete("docs/offer.eml//prices.csv")

    assert uris(bench) == ["docs/offer.eml"]
    assert counts(bench.ingest()) == (0, 0, 1, 0, 0)


@pytest.mark.parametrize("subject", ["docs/offer.eml", "docs/offer.eml//prices.csv"])
def test_what_is_kept_out_does_not_come_back_with_its_message(bench: Workbench, subject: str) -> None:
    written(bench, message(prices_csv=PRICES))
    bench.ingest()
    bench.delete(subject)
    ErasureRepository(bench.database).record(Subject.KEPT_OUT, subject, "kim", {})
    written(bench, message("Changed.\n", prices_csv=PRICES))

    report = bench.ingest()

    assert uris(bench) == ([] if subject == "docs/offer.eml" else ["docs/offer.eml"])
    assert report["documents"]["added"] == 0


ENVELOPE = b"From a@example.org Fri Mar  6 09:30:00 2026\n"


def mailbox(*letters: EmailMessage) -> bytes:
    return b"".join(ENVELOPE + one.as_bytes() + b"\n" for one in letters)


def test_what_is_kept_out_of_a_mailbox_stays_out_and_no_other_when_one_like_it_comes_before_it(
    bench: Workbench,
) -> None:
    erased, other = message("The secret.\n"), message("The offer.\n")
    bench.write("box.mbox", mailbox(erased))
    bench.ingest()
    (subject,) = (uri for uri in uris(bench) if "//" in uri)
    bench.delete(subject)
    ErasureRepository(bench.database).record(Subject.KEPT_OUT, subject, "kim", {})
    bench.write("box.mbox", mailbox(other, erased, erased))

    bench.ingest()

    texts = str(bench.texts())
    assert "The offer." in texts
    assert "The secret." not in texts


@pytest.mark.parametrize("first", [PersonalDataPolicy.KEEP, PersonalDataPolicy.MASK])
@pytest.mark.parametrize("depth", [0, 1])
def test_what_is_kept_out_stays_out_under_another_policy_for_personal_data(
    bench: Workbench, first: PersonalDataPolicy, depth: int
) -> None:
    inner = message(**{"list of ann@example_org_csv": b"a,b\nsecret,1\n"})
    outer = message()
    inner.replace_header("Subject", "For ann@example.org")
    outer.add_attachment(inner)
    written(bench, outer if depth else inner)
    bench.ingest(personal_data=first)
    subject = uris(bench)[-1]
    bench.delete(subject)
    ErasureRepository(bench.database).record(Subject.KEPT_OUT, subject, "kim", {})
    (second,) = {PersonalDataPolicy.KEEP, PersonalDataPolicy.MASK} - {first}

    bench.ingest(personal_data=second)

    assert len(uris(bench)) == depth + 1
    assert "secret" not in str(bench.texts())


def test_of_two_files_of_one_name_neither_comes_back_as_the_one_that_was_kept_out(bench: Workbench) -> None:
    def ingest(*files: bytes) -> list[str]:
        mail = message()
        for data in files:
            mail.add_attachment(data, "text", "csv", filename="prices.csv")
        written(bench, mail)
        bench.ingest()
        return [uri.removeprefix("docs/offer.eml//") for uri in uris(bench)[1:]]

    first, _ = ingest(PRICES, b"a,b\n1,2\n")
    bench.delete(f"docs/offer.eml//{first}")
    ErasureRepository(bench.database).record(Subject.KEPT_OUT, f"docs/offer.eml//{first}", "kim", {})

    assert ingest(PRICES) == []
    assert ingest(b"a,b\n1,2\n") == ["prices.csv"]


def test_what_was_kept_out_while_a_run_read_its_message_is_not_brought_back(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES))
    bench.write("notes.md", NOTES)
    plan = bench.pipeline.plan(bench.source(), "run")
    bench.pipeline.process(bench.source(), "run", range(plan.shards))
    ErasureRepository(bench.database).record(Subject.KEPT_OUT, "docs/offer.eml", "kim", {})

    bench.pipeline.commit("run")

    assert uris(bench) == ["docs/notes.md"]


class StumblingSandbox(InProcessSandbox):
    """Reads nothing that has this name."""

    stumbles = "prices.csv"

    def outcome(self, task: Task, future: Any) -> Outcome:
        if task.item.uri.endswith(self.stumbles):
            return Rejected(task.item, FailureKind.TIMEOUT, "Reading it took longer than 30 seconds.")
        return super().outcome(task, future)


def test_a_file_that_its_reader_dies_of_hurts_neither_the_message_nor_its_other_files(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES, plan_md=PLAN))
    bench.sandbox = StumblingSandbox

    report = bench.ingest()

    assert counts(report) == (2, 0, 0, 0, 1)
    assert report["failures"][0]["uri"] == "docs/offer.eml//prices.csv"
    assert report["failures"][0]["kind"] == "timeout"
    assert uris(bench) == ["docs/offer.eml", "docs/offer.eml//plan.md"]

    bench.sandbox = InProcessSandbox
    assert counts(bench.ingest()) == (1, 0, 2, 0, 0)  # what load can cause is tried again, and nothing else is
    assert uris(bench) == ["docs/offer.eml", "docs/offer.eml//plan.md", "docs/offer.eml//prices.csv"]
    assert counts(bench.ingest()) == (0, 0, 3, 0, 0)


def test_a_failure_deep_in_a_message_is_tried_again_too(bench: Workbench) -> None:
    inner = message("Forwarded.\n", prices_csv=PRICES)
    outer = message(plan_md=PLAN)
    outer.add_attachment(inner)
    written(bench, outer)
    bench.sandbox = StumblingSandbox
    assert counts(bench.ingest()) == (3, 0, 0, 0, 1)
    bench.sandbox = InProcessSandbox

    assert counts(bench.ingest()) == (1, 0, 3, 0, 0)


def test_a_file_in_a_message_of_too_many_chunks_is_named_until_the_limit_is_raised(bench: Workbench) -> None:
    table = "| Site | Doors |\n|---|---|\n" + "".join(f"| Site {n} | {n} |\n" for n in range(400))
    written(bench, message(table_md=table.encode()))
    bench.limits = replace(LIMITS, chunks=5)

    assert bench.ingest()["failures"][0]["uri"] == "docs/offer.eml//table.md"
    bench.limits = LIMITS
    assert counts(bench.ingest()) == (1, 0, 1, 0, 0)


@pytest.mark.parametrize("many", [5, 400])
def test_what_came_with_a_message_of_too_many_chunks_is_read(bench: Workbench, many: int) -> None:
    body = "".join(f"Sentence {n} of this message says that the door of site {n} is open.\n\n" for n in range(40))
    written(bench, message(body if many > 5 else body[:2000], prices_csv=PRICES))
    bench.limits = replace(LIMITS, chunks=2)

    report = bench.ingest()

    assert uris(bench) == ["docs/offer.eml//prices.csv"]
    assert [one["uri"] for one in report["failures"]] == ["docs/offer.eml"]
    assert verify_all(bench.index, bench.documents, bench.spec.name).documents == 1
    assert counts(bench.ingest()) == (0, 0, 1, 0, 1)
    bench.limits = LIMITS
    assert counts(bench.ingest()) == (1, 0, 1, 0, 0)


def test_what_came_with_a_message_that_says_nothing_is_read_and_goes_with_it(bench: Workbench) -> None:
    mail = message(prices_csv=PRICES, plan_md=PLAN)
    for name in ("From", "To", "Date"):
        del mail[name]
    mail.replace_header("Subject", "")
    next(mail.iter_parts()).set_content("")  # type: ignore[attr-defined]
    path = written(bench, mail, "!.eml")

    report = bench.ingest()

    assert [one["uri"] for one in report["failures"]] == ["docs/!.eml"]
    assert uris(bench) == ["docs/!.eml//plan.md", "docs/!.eml//prices.csv"]
    path.unlink()
    bench.ingest()
    assert uris(bench) == []


def test_the_time_of_what_came_with_a_file_counts_from_when_the_first_was_read(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0

    class BusySandbox(InProcessSandbox):
        def outcome(self, task: Task, future: Any) -> Outcome:
            nonlocal now
            now += 9 * LIMITS.timeout_seconds if task.item.uri.endswith("a.txt") else LIMITS.timeout_seconds
            return super().outcome(task, future)

    monkeypatch.setattr(source_reader, "_AHEAD", 1)
    monkeypatch.setattr("ingestion.source_reader.time.monotonic", lambda: now)
    bench.sandbox = BusySandbox
    written(bench, message(**{f"{name}_txt": f"Text {name}.".encode() for name in "abcdefghijklmno"}))

    failures = bench.ingest()["failures"]

    assert [one["uri"][-5:] for one in failures] == ["m.txt", "n.txt", "o.txt"]
    assert "took longer than 300 seconds" in failures[0]["reason"]


def test_one_mailbox_cannot_stop_a_run_by_its_many_messages(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_reader, "_AHEAD", 1)
    letters = (message(f"Text {n}.\n").as_bytes() for n in range(40))
    bench.write("box.mbox", b"".join(b"From a@example.org Fri Mar  6 09:30:00 2026\n" + one + b"\n" for one in letters))
    bench.limits = replace(LIMITS, chunks=2)

    report = bench.ingest()

    assert counts(report) == (22, 0, 0, 0, 19)  # the mailbox, and chunks of ten files and one more
    assert "more than 20 chunks: this was not read." in report["failures"][0]["reason"]
    assert counts(bench.ingest()) == (0, 0, 22, 0, 19)


def test_a_mailbox_that_grew_writes_only_what_is_new(bench: Workbench) -> None:
    def box(*bodies: str) -> bytes:
        letters = (message(f"{body}\n").as_bytes() for body in bodies)
        return b"".join(b"From a@example.org Fri Mar  6 09:30:00 2026\n" + one + b"\n" for one in letters)

    bench.write("box.mbox", box("First.", "Second."))
    assert counts(bench.ingest()) == (3, 0, 0, 0, 0)
    bench.write("box.mbox", box("First.", "Second.", "Third."))

    assert counts(bench.ingest()) == (1, 1, 2, 0, 0)


def test_a_vanished_mailbox_is_one_file_to_the_guard_against_mass_deletion(bench: Workbench) -> None:
    letters = (message(f"Text {n}.\n").as_bytes() for n in range(40))
    path = bench.write(
        "box.mbox", b"".join(b"From a@example.org Fri Mar  6 09:30:00 2026\n" + one + b"\n" for one in letters)
    )
    bench.write("notes.md", NOTES)
    bench.ingest()
    path.unlink()

    assert counts(bench.ingest()) == (0, 0, 1, 41, 0)


def test_personal_data_in_what_came_with_a_message_is_masked(bench: Workbench) -> None:
    written(bench, message(list_csv=b"name,mail\nAnn,ann@example.org\n"))

    report = bench.ingest(personal_data=PersonalDataPolicy.MASK)

    assert "ann@example.org" not in str(bench.texts())
    assert [one["uri"] for one in report["personal_data"]["documents"]] == [
        "docs/offer.eml",
        "docs/offer.eml//list.csv",
    ]


def test_a_rebuilt_index_has_what_came_with_messages(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES, scan_pdf=b"%PDF-1.7 nothing of the kind"))
    bench.ingest()

    rebuild = bench.rebuild()
    report = rebuild.run()

    assert counts(report)[0] == 2
    assert list(bench.texts(rebuild.spec.name)) == ["docs/offer.eml", "docs/offer.eml//prices.csv"]
    dates = {str(stored.facts.date) for stored, _ in bench.index.scroll(rebuild.spec.name)}
    assert dates == {"2026-03-06"}


def test_the_same_file_in_ten_messages_takes_one_place_among_the_passages_and_names_the_others(
    bench: Workbench,
) -> None:
    for number in range(10):
        written(bench, message(f"Text {number}.\n", prices_csv=PRICES), f"{number}.eml")
    bench.ingest()
    assert sum("desk" in text for text in bench.embedder.embedded) == 1
    ids = [chunk_id(document_id(f"docs/{number}.eml//prices.csv"), 0) for number in range(10)]
    found = ranked(
        [FusedHit(one, 1.0, None, None) for one in ids],
        bench.index.fetch(bench.spec.name, ids, AccessScope.everything()),
    )

    (first,), left_out = without_copies(found)

    assert first.chunk.uri == "docs/0.eml//prices.csv"
    assert first.collapsed == tuple(f"docs/{number}.eml//prices.csv" for number in range(1, 10))
    assert len(left_out) == 9


def test_the_same_text_in_another_format_takes_no_place_and_one_with_another_number_does(bench: Workbench) -> None:
    rules = "A night in a hotel may cost 120 euros. Whoever travels for work books the train in the second class."
    bench.write("a.md", f"---\nauthor: Kim\n---\n\n# Travel\n\n{rules}\n")
    bench.write("b.html", f"<html><body><h1>Travel</h1><p>{rules}</p></body></html>")
    bench.write("c.md", f"# Travel\n\n{rules.replace('120', '150')}\n")
    bench.ingest()
    ids = [chunk_id(document_id(f"docs/{name}"), 0) for name in ("a.md", "b.html", "c.md")]
    found = ranked(
        [FusedHit(one, 1.0, None, None) for one in ids],
        bench.index.fetch(bench.spec.name, ids, AccessScope.everything()),
    )

    kept, left_out = without_copies(found)

    assert [(one.chunk.uri, one.collapsed) for one in kept] == [("docs/a.md", ("docs/b.html",)), ("docs/c.md", ())]
    assert [one.uri for one in left_out] == ["docs/b.html"]


def test_a_run_that_was_cut_off_behind_the_commit_is_finished_by_the_next(bench: Workbench) -> None:
    bench.index = index = InterruptedIndex()
    written(bench, message(prices_csv=PRICES, old_txt=b"The old terms."))
    bench.ingest()
    written(bench, message(prices_csv=PRICES + b"chair,20\n", new_txt=b"The new terms."))
    index.interrupted = True
    with pytest.raises(KeyboardInterrupt):
        bench.ingest()
    index.interrupted = False

    bench.ingest()

    assert uris(bench) == ["docs/offer.eml", "docs/offer.eml//new.txt", "docs/offer.eml//prices.csv"]
    assert {one.state for one in bench.documents.entries(bench.spec.name).values()} == {DocumentState.INDEXED}
    assert verify_all(bench.index, bench.documents, bench.spec.name).documents == 3
    assert counts(bench.ingest()) == (0, 0, 3, 0, 0)


def test_what_a_killed_run_staged_of_a_message_is_erased_with_it(bench: Workbench) -> None:
    written(bench, message(prices_csv=PRICES))
    plan = bench.pipeline.plan(bench.source(), "killed")
    bench.pipeline.process(bench.source(), "killed", range(plan.shards))

    assert bench.delete("docs/offer.eml//prices.csv")["staging"] == 1
    bench.pipeline.process(bench.source(), "killed", range(plan.shards))
    assert bench.delete("docs/offer.eml")["staging"] == 1
