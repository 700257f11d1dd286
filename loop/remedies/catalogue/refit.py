"""The remedy for passages that are found and ranked too low, or refused too often: other retrieval parameters, a map of
questions and another threshold of abstention, fitted on questions that people voted on.

Questions whose answers were praised take part beside those whose answers were bad: parameters that are fitted on faults
alone mend these and break the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from core.frozen import Frozen
from core.loop.diagnosis import Cause
from core.loop.feedback import Firing, NothingBetter, RemedyProposal
from core.release import AbstentionModel, RetrievalParameters
from loop.remedies.figures import FitFigures, FoundSetting, MapFigures, ThresholdFigures
from loop.remedies.port import Built, Remedy, Say
from serving.releases.manifest_changes import QUESTION_MAP

if TYPE_CHECKING:
    from loop.remedies.diagnosed import Diagnosed
    from loop.remedies.map_fit import MapFit
    from loop.remedies.search_fit import LegSearch
    from serving.factory import Services

# Triggers that complain of what answers cost: their remedy saves what it can without losing anything.
CHEAPER = frozenset({"latency_p95", "cost_per_answer"})
# One question that chooses eleven weights, three depths and five numbers of passages chooses by chance.
LEAST_CHOOSING = 2
_THRESHOLD = "guards.abstention.threshold"
_FITTED_ON = "guards.abstention.fitted_on"


class RefitFigures(Frozen):
    """What the fits came to, and by which questions; `question_map` and `abstention` are None where these were not
    fitted. The search was fitted with the map where that is taken."""

    search: FitFigures
    question_map: MapFigures | None = None
    abstention: ThresholdFigures | None = None
    chose_on: tuple[str, ...]
    held_out_on: tuple[str, ...]


class RefitProposal(RemedyProposal):
    """What is to be otherwise, as `ragloop release create --set` takes it."""

    kind: Literal["refit"] = "refit"
    changes: Mapping[str, str] = Field(min_length=1)
    figures: RefitFigures


NoBetterFit = NothingBetter[RefitFigures]
_FORMS: TypeAdapter[RefitProposal | NoBetterFit] = TypeAdapter(
    Annotated[RefitProposal | NoBetterFit, Field(discriminator="kind")]
)


def _first_form(stored: Mapping[str, Any]) -> Mapping[str, Any]:
    """A proposal from before proposals had a version."""
    figures = {name: stored[name] for name in ("search", "abstention", "chose_on", "held_out_on")}
    if "nothing_better" in stored:
        return {"kind": "nothing_better", "why": stored["nothing_better"], "figures": figures}
    return {"kind": "refit", "changes": stored["changes"], "figures": figures}


class Refit(Remedy[RefitProposal]):
    """Fits the parameters of the search."""

    name = "refit"
    causes = frozenset({Cause.RETRIEVAL_MISS, Cause.RANKING_MISS})
    upcasts = (_first_form,)

    def propose(self, services: Services, firing: Firing, say: Say) -> RefitProposal | NoBetterFit:
        """Raises ConflictError where too few questions are there to choose by."""
        from loop.remedies.diagnosed import DiagnosedQuestions, halves
        from loop.remedies.fit import fitted, settings
        from loop.remedies.search_fit import LegSearch, ThresholdFit
        from serving.releases.champion import current_champion

        manifest = current_champion(services).manifest
        questions = DiagnosedQuestions(services.database)
        bad = questions.of(firing, self.causes) or questions.recent(self.causes)
        asked = [each for each in [*bad, *questions.praised()] if each.places]
        choosing, held_out = halves(asked, LEAST_CHOOSING)
        search = LegSearch(services, manifest)
        say(f"Trying parameters on {len(choosing)} questions, {len(held_out)} held out")
        cheaper = firing.trigger in CHEAPER
        taught = _taught(search, manifest.retrieval, choosing, held_out, cheaper=cheaper)
        tried = settings(manifest.retrieval, cheaper=cheaper)
        found, fit = fitted(taught.choosing, taught.held_out, manifest.retrieval, tried, cheaper=cheaper)
        threshold = None
        if not cheaper:
            fit_threshold = ThresholdFit(services, manifest, found, taught.taken or search.question_map).fit
            threshold = fit_threshold(asked, questions.recent({Cause.CORPUS_GAP}))
        if taught.taken is not None:
            name = services.question_maps.add(taught.taken, services.embedder_for(manifest.collection))
            found = found.model_copy(update={"question_map": name})
        changes = _retrieval_changes(manifest.retrieval, found)
        changes |= _threshold_changes(manifest.guards.abstention, threshold)
        figures = RefitFigures(
            search=fit,
            question_map=taught.figures,
            abstention=threshold,
            chose_on=tuple(str(each.subject) for each in choosing),
            held_out_on=tuple(str(each.subject) for each in held_out),
        )
        if not changes:
            return NoBetterFit(why=_nothing(fit), figures=figures)
        return RefitProposal(changes=changes, figures=figures)

    def in_words(self, proposal: RefitProposal) -> str:
        live = proposal.figures.search.live
        changes = ", ".join(
            f"{path} = {_short(path, value)}{_before(live, path)}" for path, value in proposal.changes.items()
        )
        taught = proposal.figures.question_map if QUESTION_MAP in proposal.changes else None
        return f"A release with {changes}." + (f" {what_was_taught(taught)}" if taught else "")

    def carry_out(self, services: Services, firing: Firing, proposal: RefitProposal, say: Say) -> Built:
        return Built(proposal.changes, proposal)

    def read(self, form: Any) -> RefitProposal | NoBetterFit:
        return _FORMS.validate_python(form)


REMEDY = Refit()


def what_was_taught(figures: MapFigures) -> str:
    """What the map of questions brings to those that did not teach it."""
    gain = figures.choosing
    low, high = gain.interval or (0.0, 0.0)
    return (
        f"{figures.questions} questions taught how others are searched for. Each searched for by what others taught, "
        f"their right places go from {gain.live or 0:.3f} to {gain.candidate or 0:.3f} (1: all first), "
        f"{gain.difference or 0:+.3f}, 95 % between {low:+.3f} and {high:+.3f}."
    )


def _taught(
    search: LegSearch,
    live: RetrievalParameters,
    choosing: Sequence[Diagnosed],
    held_out: Sequence[Diagnosed],
    *,
    cheaper: bool,
) -> MapFit:
    """A map of questions, unless answers are only to become cheaper."""
    from loop.remedies.map_fit import MapFit, fit_map

    if cheaper:
        return MapFit(None, None, search.all(choosing), search.all(held_out))
    return fit_map(search.voted(choosing), search.voted(held_out), search.question_map, live)


def _before(live: FoundSetting | None, path: str) -> str:
    value = getattr(live, path.rpartition(".")[2], None)
    return "" if value is None else f" (was {value:g})"


def _short(path: str, value: str) -> str:
    return value[:12] if path == QUESTION_MAP else value


def _threshold_changes(live: AbstentionModel, fit: ThresholdFigures | None) -> dict[str, str]:
    if fit is None or fit.threshold == fit.live:
        return {}
    count = fit.answerable + fit.unanswerable
    before = live.fitted_on.partition("; threshold")[0]
    return {
        _THRESHOLD: f"{fit.threshold:g}",
        _FITTED_ON: f"{before}; threshold on {count} questions that people voted on",
    }


def _retrieval_changes(live: RetrievalParameters, found: RetrievalParameters) -> dict[str, str]:
    before, after = live.model_dump(), found.model_dump()
    changed = {name: value for name, value in after.items() if value != before[name]}
    return {f"retrieval.{name}": value if isinstance(value, str) else f"{value:g}" for name, value in changed.items()}


def _nothing(fit: FitFigures) -> str:
    if fit.held_out.loses:
        return "What is better for the questions that chose is worse for those that were held out."
    if fit.best != fit.live:
        return "What is best for the questions that chose is not surely better for others."
    return f"None of {fit.tried} settings serves these questions better than what is live."
