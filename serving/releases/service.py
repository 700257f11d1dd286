"""The rules of releases: who may create, approve, promote and roll back, when, and what goes on record."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from core.audit_trail import champions, made_by, reopened_at, standing_approval
from core.errors import ConflictError, InputError, NotFoundError, PermissionDeniedError
from core.permissions import Deed, require
from core.release import Release, ReleaseEvent, ReleaseEventKind, ReleaseManifest, ReleaseStatus
from core.storage.evals.evaluations import EvaluationRecord, EvaluationRepository
from core.storage.releases import Decision, ReleaseRepository
from core.types import Actor
from serving.factory import Services
from serving.prompts.ledger import ReleasePrompts
from serving.releases.champion import current_champion
from serving.releases.manifest_changes import COLLECTION, changed
from serving.releases.verification import Verification, open_release, verify_release

logger = logging.getLogger(__name__)

LONGEST_NAME = 80
LONGEST_REASON = 2000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class ReleaseService:
    """Creates, decides on and switches releases. Not to be called from a running event loop: it asks questions.

    A candidate is approved by someone else than its maker, on its newest report, which must pass and compare it with
    the champion of now; an approval stands until anything else happens to the release. Errors are InputErrors that say
    what is missing.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self._releases = ReleaseRepository(services.database)
        self._evaluations = EvaluationRepository(services.database)

    # -- making one

    def create(
        self,
        actor: Actor,
        *,
        base: str = "champion",
        changes: Mapping[str, str],
        name: str = "",
        reason: str = "",
    ) -> Release:
        """A candidate: the `base` with the `changes`, found to be servable. Nothing is created if it is not. Lists show
        the `name` and the `reason`.

        A manifest that is a candidate already is that candidate. One that was rejected or retired becomes a candidate
        again, for which a reason is needed. Raises ConflictError for the champion's own manifest.
        """
        require(actor, Deed.CREATE_RELEASE)
        start = self._champion() if base == "champion" else self.get(base)
        prompts = ReleasePrompts(self.services.settings, self.services.database)
        manifest = changed(start.manifest, changes, self.services.index.spec, prompts.library)
        if COLLECTION in changes:
            manifest = self._with_language_weights(manifest)
        prompts.check(manifest.prompts)
        called, decision = _name(name), Decision(actor.name, _said(reason))
        existing = self._releases.get(manifest.id)
        if existing is None:
            verify_release(self.services, _unsaved(manifest, actor))
            prompts.keep(manifest.prompts)
            return self._releases.add_candidate(manifest, decision, called)
        if existing.status is ReleaseStatus.CANDIDATE:
            return existing
        return self._reopen(existing, decision)

    def _with_language_weights(self, manifest: ReleaseManifest) -> ReleaseManifest:
        """The manifest with the shares of its own collection's languages: another embedder knows others."""
        weights = self.services.language_weights(manifest.collection.spec, manifest.retrieval.dense_weight)
        retrieval = manifest.retrieval.model_copy(update={"language_weights": weights})
        return manifest.model_copy(update={"retrieval": retrieval})

    def _reopen(self, release: Release, decision: Decision) -> Release:
        if release.status is ReleaseStatus.CHAMPION:
            raise ConflictError(
                f"That is the champion's own manifest, {release.id[:12]}.",
                hint="Change something: ragloop release create --set retrieval.top_k=6",
            )
        if not decision.reason:
            raise ConflictError(
                f"This release exists and is {release.status.value}: {release.id[:12]}.",
                hint="Give a reason to make it a candidate again.",
            )
        verify_release(self.services, release)
        return self._releases.decide(release, ReleaseEventKind.REOPENED, ReleaseStatus.CANDIDATE, decision)

    def verify(self, release_id: str) -> Verification:
        """Open the release and ask it a few questions. Raises what stands in the way."""
        return verify_release(self.services, self.get(release_id))

    # -- deciding

    def approve(self, release_id: str, actor: Actor, *, reason: str, evaluation_id: str | None = None) -> Release:
        """Say that the candidate may be promoted, on its newest finished report, which `evaluation_id` may name."""
        require(actor, Deed.SWITCH_RELEASE)
        why = _needed(reason, "an approval")
        release = self._candidate(release_id, "approved")
        events = self._releases.events(release.id)
        if made_by(actor.name, release, events) and not self.services.settings.allow_self_approval:
            raise PermissionDeniedError(
                f"{actor.name} made this release, so someone else must approve it.",
                hint="Ask another person whose key has the role approve. On an installation of one person, "
                "RAGLOOP_ALLOW_SELF_APPROVAL=true allows it.",
            )
        evaluation = self._passing_report(release, events, evaluation_id)
        decision = Decision(actor.name, why + self._changed_since(evaluation), evaluation.id)
        return self._releases.decide(release, ReleaseEventKind.APPROVED, ReleaseStatus.CANDIDATE, decision)

    def reject(self, release_id: str, actor: Actor, *, reason: str, evaluation_id: str | None = None) -> Release:
        """Close the candidate. Only creating it again, with a reason, opens it."""
        require(actor, Deed.REJECT_RELEASE)
        why = _needed(reason, "a rejection")
        release = self._candidate(release_id, "rejected")
        evaluation = self._report(release, evaluation_id)
        decision = Decision(actor.name, why, evaluation.id if evaluation else None)
        return self._releases.decide(release, ReleaseEventKind.REJECTED, ReleaseStatus.REJECTED, decision)

    # -- switching

    def promote(self, release_id: str, actor: Actor, *, reason: str = "", override: bool = False) -> Release:
        """Make the approved candidate the champion, once it is found to be servable again.

        With `override`, an admin promotes a candidate or a retired release without report and approval. Of two
        promotions at once, one wins and the other gets ConflictError.
        """
        require(actor, Deed.OVERRIDE if override else Deed.SWITCH_RELEASE)
        champion = self._champion()
        release = self.get(release_id)
        if override:
            decision = Decision(actor.name, _needed(reason, "an override"))
            self._require_promotable(release)
        else:
            release = self._candidate(release_id, "promoted")
            decision = Decision(actor.name, _said(reason), self._approved_report(release).id)
        verify_release(self.services, release)
        promoted = self._releases.promote(release, champion, decision, override=override)
        if override:
            logger.warning("%s promoted %s without approval: %s", actor.name, release.id[:12], decision.reason)
        else:
            logger.info("%s promoted %s", actor.name, release.id[:12])
        return promoted

    def rollback(self, actor: Actor, *, reason: str = "") -> Release:
        """Go back to the champion before this one, after a look at whether it opens: fast, and without a report."""
        require(actor, Deed.SWITCH_RELEASE)
        why = _needed(reason, "a rollback")
        champion = self._champion()
        stack = champions(self._releases.events())
        if len(stack) < 2 or stack[-1] != champion.id:
            raise ConflictError(
                f"There is no champion before {champion.id[:12]} to go back to.",
                hint="`ragloop release list` shows the releases; an admin can promote any with --override.",
            )
        target = self.get(stack[-2])
        open_release(self.services, target)
        restored = self._releases.roll_back(champion, target, Decision(actor.name, why))
        logger.warning("%s rolled back from %s to %s: %s", actor.name, champion.id[:12], target.id[:12], why)
        return restored

    def get(self, release_id: str) -> Release:
        """The release with this id, or whose id begins so. Raises NotFoundError unless there is exactly one."""
        release = self._releases.get(release_id)
        if release is None:
            raise NotFoundError(
                f"There is no single release {release_id[:80]!r}.", hint="`ragloop release list` shows the ids."
            )
        return release

    def history(self, release_id: str | None = None) -> list[ReleaseEvent]:
        """The audit trail of one release, or of all, oldest first."""
        return self._releases.events(self.get(release_id).id if release_id is not None else None)

    # -- what the rules look at

    def _champion(self) -> Release:
        return current_champion(self.services)

    def _candidate(self, release_id: str, participle: str) -> Release:
        release = self.get(release_id)
        if release.status is ReleaseStatus.CANDIDATE:
            return release
        hints = {
            ReleaseStatus.CHAMPION: "`ragloop release rollback` goes back to the champion before it.",
            ReleaseStatus.RETIRED: f"Create it again with a reason: ragloop release create --from {release.id[:12]}",
            ReleaseStatus.REJECTED: f"Create it again with a reason: ragloop release create --from {release.id[:12]}",
        }
        raise ConflictError(
            f"Only a candidate can be {participle}; release {release.id[:12]} is {release.status.value}.",
            hint=hints[release.status],
        )

    def _require_promotable(self, release: Release) -> None:
        if release.status not in (ReleaseStatus.CANDIDATE, ReleaseStatus.RETIRED):
            self._candidate(release.id, "promoted")

    def _report(self, release: Release, evaluation_id: str | None) -> EvaluationRecord | None:
        """The newest finished report. Raises ConflictError if `evaluation_id` names another."""
        newest = self._evaluations.latest_finished(release.id)
        if evaluation_id is not None and (newest is None or not newest.id.startswith(evaluation_id)):
            raise ConflictError(
                f"Evaluation {evaluation_id[:36]} is not the newest finished one of release {release.id[:12]}"
                + (f", which is {newest.id}." if newest else "."),
                hint="Read the newest report, and decide on that.",
            )
        return newest

    def _passing_report(
        self, release: Release, events: list[ReleaseEvent], evaluation_id: str | None = None
    ) -> EvaluationRecord:
        evaluation = self._report(release, evaluation_id)
        again = f"Evaluate it: ragloop eval run {release.id[:12]}"
        if evaluation is None:
            raise ConflictError(f"Release {release.id[:12]} has no finished report.", hint=again)
        if not evaluation.passes:
            raise ConflictError(
                f"The newest report of release {release.id[:12]} does not pass: {evaluation.verdict}.",
                hint=f"Read it: ragloop eval show {evaluation.id}. An admin can promote with --override.",
            )
        champion = self._champion()
        if evaluation.baseline_id != champion.id:
            raise ConflictError(
                f"The report compares release {release.id[:12]} with {(evaluation.baseline_id or 'nothing')[:12]}, but "
                f"the champion is now {champion.id[:12]}.",
                hint=again,
            )
        reopened = reopened_at(events)
        if reopened is not None and evaluation.created_at < reopened:
            raise ConflictError(
                f"The report is from before release {release.id[:12]} was made a candidate again.", hint=again
            )
        return evaluation

    def _approved_report(self, release: Release) -> EvaluationRecord:
        events = self._releases.events(release.id)
        approval = standing_approval(events)
        if approval is None:
            raise ConflictError(
                f"Release {release.id[:12]} is not approved.",
                hint=f"Someone with the role approve can: ragloop release approve {release.id[:12]} --reason …",
            )
        evaluation = self._passing_report(release, events)
        if evaluation.id != approval.evaluation_id:
            raise ConflictError(
                f"There is a newer report of release {release.id[:12]} than the one it was approved on.",
                hint=f"Read it, and approve again: ragloop eval show {evaluation.id}",
            )
        return evaluation

    def _changed_since(self, evaluation: EvaluationRecord) -> str:
        """A sentence about documents that changed under the report, which does not stand in the way."""
        index, found = self.services.index, []
        for collection, read in self._evaluations.revisions(evaluation.id).items():
            now = index.revision(collection) if collection in index.collections() else None
            if now != read:
                found.append(f"{collection} was at revision {read} and is {'gone' if now is None else f'at {now}'}")
        return f" (Documents have changed since the report: {'; '.join(found)}.)" if found else ""


def _said(reason: str) -> str:
    text = reason.strip()
    if _UNSTORABLE.search(text):
        raise InputError("The reason holds a NUL or half a character.", hint="Type it again.")
    if len(text) > LONGEST_REASON:
        raise InputError(
            f"The reason has {len(text):,} characters; at most {LONGEST_REASON:,} are kept.", hint="Say it shorter."
        )
    return text


def _name(name: str) -> str:
    text = " ".join(name.split())
    if _UNSTORABLE.search(text) or not text.isprintable():
        raise InputError("The name holds characters that cannot be shown.", hint="Type it again.")
    if len(text) > LONGEST_NAME:
        raise InputError(
            f"The name has {len(text)} characters; at most {LONGEST_NAME} are kept.", hint="Say the rest as the reason."
        )
    return text


def _needed(reason: str, what: str) -> str:
    text = _said(reason)
    if not text:
        raise InputError(f"{what.capitalize()} needs a reason.", hint="It goes on record, for whoever asks later.")
    return text


def _unsaved(manifest: ReleaseManifest, actor: Actor) -> Release:
    return Release(
        id=manifest.id,
        status=ReleaseStatus.CANDIDATE,
        manifest=manifest,
        created_by=actor.name,
        created_at=datetime.now(UTC),
    )
