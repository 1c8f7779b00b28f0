"""A study that several processes share: Optuna's journal, one lock, and an exact count.

Optuna keeps what was tried and proposes what comes next. What a worker takes, reports and finishes
happens under one lock, so that no trial is begun beyond the limits and none twice.

Its journal has no heartbeat: a worker keeps a lease (`leases.py`). A trial whose worker is dead is
marked failed and taken up again, with the same values, by the next worker that asks. Chance follows
from the study's seed and the number of the draw, so that a resumed study goes on where it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from llmseqrec.config_search import Search, Value
from llmseqrec.services.owners import own_name
from llmseqrec.storage import make_folder, writing
from llmseqrec.tuning.draws import next_point
from llmseqrec.tuning.endings import Limits, is_hopeless, why_ended
from llmseqrec.tuning.journal import KernelLock, mend_journal, told_if_damaged
from llmseqrec.tuning.leases import Leases
from llmseqrec.tuning.space import Point, Space, key

optuna.logging.set_verbosity(optuna.logging.WARNING)

MOST_LOSSES = 3  # workers that may die of a trial
_NAME = "search"


@dataclass(frozen=True)
class Claim:
    """A trial that this worker has taken.

    Attributes:
        number: of the trial in the journal.
        point: its searched values.
    """

    number: int
    point: Point


@dataclass(frozen=True)
class Ended:
    """There is nothing to take.

    Attributes:
        reason: trials, patience, time or space.
    """

    reason: str


@dataclass
class SharedStudy:
    """The study of one variant of a search.

    Attributes:
        folder: where it is kept, on a file system that all workers see.
        space: what is drawn from.
        search: its settings.
        axes: values of the names that one pass serves together, by name.
        worker: name of the process that works on it here.
    """

    folder: Path
    space: Space
    search: Search
    axes: Mapping[str, list[Value]] = field(default_factory=dict)
    worker: str = field(default_factory=own_name)

    def __post_init__(self) -> None:
        make_folder(self.folder)
        self._started = time.monotonic()
        self._journal = self.folder / "journal.log"
        path = str(self._journal)
        self._lock = KernelLock(path + ".lock")
        with self._locked(), told_if_damaged(self._journal):
            self._storage = JournalStorage(JournalFileBackend(path, self._lock))
            optuna.create_study(
                storage=self._storage, study_name=_NAME, direction="maximize", load_if_exists=True
            )
        self._id = self._storage.get_study_id_from_name(_NAME)
        self._leases = Leases(self.folder, self.worker)
        search = self.search
        seconds = None if search.hours is None else search.hours * 3600
        self._limits = Limits(search.trials, search.patience, seconds, search.workers)

    def working(self) -> Any:
        """A context in which this process counts as alive."""
        return self._leases.kept()

    @property
    def trials(self) -> list[FrozenTrial]:
        """All that was ever begun, by number; those lost are among them."""
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def take(self) -> list[Claim] | Ended:
        """The next trials, which one pass serves; or why there are none."""
        if self._own_time_is_over:
            return Ended("time")
        with self._locked():
            lost = self._lost_family()
            if lost:
                return lost
            counted = self._counted
            ended = self._ended(counted)
            if ended:
                return Ended(ended)
            draw = sum("retry_of" not in trial.user_attrs for trial in self.trials)
            study = optuna.load_study(study_name=_NAME, storage=self._storage)
            known = {key(trial.params) for trial in counted}
            point = next_point(study, self.space, self.search, draw, known)
            if point is None:
                return Ended("space")
            return self._claim_family(point, draw, counted)

    def report(self, claim: Claim, fold: int, value: float) -> bool:
        """Tell the mean over the first folds.

        Args:
            claim: the trial.
            fold: how many folds it is a mean of.
            value: the mean.

        Returns:
            Whether to give the trial up: it is hopeless, or another worker has taken it over.
        """
        identifier = self._trial_id(claim)
        with self._locked():
            if self._storage.get_trial(identifier).state.is_finished():
                return True
            others = [
                trial.intermediate_values[fold]
                for trial in self._counted
                if trial.number != claim.number and fold in trial.intermediate_values
            ]
            self._storage.set_trial_intermediate_value(identifier, fold, value)
        return is_hopeless(value, others, self.search.prune_share, self.search.prune_after)

    def finish(self, claim: Claim, value: float, facts: Mapping[str, Any]) -> None:
        """End a trial with its value; `facts` are kept beside it."""
        self._end(claim, TrialState.COMPLETE, value, facts)

    def prune(self, claim: Claim, facts: Mapping[str, Any]) -> None:
        """End a trial that was given up."""
        self._end(claim, TrialState.PRUNED, None, facts)

    def fail(self, claim: Claim, reason: str, seconds: float = 0.0) -> None:
        """End a trial that cannot be done; it counts as one, and so does its time."""
        self._end(claim, TrialState.FAIL, None, {"reason": reason, "seconds": seconds})

    def release(self, claims: Sequence[Claim]) -> None:
        """Give back trials that have not ended, for whoever takes next; no worker died of them."""
        with self._locked():
            for identifier in map(self._trial_id, claims):
                trial = self._storage.get_trial(identifier)
                if not trial.state.is_finished():
                    losses = trial.user_attrs["losses"] - 1  # whoever takes it up counts one
                    self._storage.set_trial_user_attr(identifier, "losses", losses)
                    self._storage.set_trial_user_attr(identifier, "worker", "")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            mend_journal(self._journal)  # of another worker, which may die at any time
            with writing(self._journal):
                yield
        finally:
            self._lock.release()

    @property
    def _counted(self) -> list[FrozenTrial]:
        return [trial for trial in self.trials if counts(trial)]

    @property
    def _own_time_is_over(self) -> bool:
        """Whether this worker alone has had the time of a worker, as its job has on a cluster."""
        limit = self._limits.seconds
        return limit is not None and time.monotonic() - self._started >= limit

    def _trial_id(self, claim: Claim) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, claim.number)

    def _end(
        self, claim: Claim, state: TrialState, value: float | None, facts: Mapping[str, Any]
    ) -> None:
        identifier = self._trial_id(claim)
        with self._locked():
            if self._storage.get_trial(identifier).state.is_finished():
                return  # another worker took this one for dead and has taken its trial over
            self._storage.set_trial_user_attr(identifier, "facts", dict(facts))
            values = None if value is None else [value]
            self._storage.set_trial_state_values(identifier, state, values)

    def _ended(self, counted: Sequence[FrozenTrial]) -> str | None:
        done = [trial for trial in counted if trial.state.is_finished()]
        done.sort(key=lambda trial: (str(trial.datetime_complete), trial.number))
        values = [trial.value if trial.state == TrialState.COMPLETE else None for trial in done]
        seconds = sum(trial.user_attrs["facts"].get("seconds", 0.0) for trial in done)
        return why_ended(self._limits, len(counted), values, seconds)

    def _lost_family(self) -> list[Claim]:
        """Trials of one dead worker, failed and begun anew, and what it had no time to begin."""
        dead = [trial for trial in self.trials if self._is_lost(trial)]
        first = dead[0].user_attrs["draw"] if dead else None
        together = [trial for trial in dead if trial.user_attrs["draw"] == first]
        again = [claim for trial in together for claim in self._begin_again(trial)]
        if not again:
            return []
        drawn = [trial for trial in self.trials if trial.user_attrs["draw"] == first]
        origin = next(trial for trial in drawn if "retry_of" not in trial.user_attrs)
        facts = {"draw": first, "losses": 0, "retry_of": None}
        rest = self._unbegun(origin.params, self._counted)
        return again + [self._begin(point, facts) for point in rest]

    def _begin_again(self, trial: FrozenTrial) -> list[Claim]:
        """Fail a lost trial; begin it anew unless too many workers have died of it."""
        losses = trial.user_attrs["losses"] + 1
        again = losses < MOST_LOSSES
        reason = "lost" if again else f"{losses} workers died of it"
        claim = Claim(trial.number, dict(trial.params))
        identifier = self._trial_id(claim)
        self._storage.set_trial_user_attr(identifier, "facts", {"reason": reason})
        self._storage.set_trial_state_values(identifier, TrialState.FAIL)
        facts = {"draw": trial.user_attrs["draw"], "losses": losses, "retry_of": trial.number}
        return [self._begin(claim.point, facts)] if again else []

    def _is_lost(self, trial: FrozenTrial) -> bool:
        running = trial.state == TrialState.RUNNING
        return running and not self._leases.holds(trial.user_attrs["worker"])

    def _claim_family(self, point: Point, draw: int, counted: Sequence[FrozenTrial]) -> list[Claim]:
        family = self._unbegun(point, counted)
        # One draw; its relatives have no number of their own, so that they shift none.
        facts: list[dict[str, Any]] = [{"draw": draw, "losses": 0}]
        facts += [facts[0] | {"retry_of": None}] * (len(family) - 1)
        return [self._begin(each, more) for each, more in zip(family, facts, strict=True)]

    def _unbegun(self, point: Point, counted: Sequence[FrozenTrial]) -> list[Point]:
        """What one pass serves with a point and nobody has begun, as far as the budget goes."""
        known = {key(trial.params) for trial in counted}
        family = [p for p in self.space.family(point, self.axes) if key(p) not in known]
        if self.search.trials is not None:
            family = family[: max(self.search.trials - len(counted), 0)]
        return family

    def _begin(self, point: Point, facts: Mapping[str, Any]) -> Claim:
        blank = create_trial(
            state=TrialState.RUNNING,
            params=dict(point),
            distributions=self.space.distributions(point),
            user_attrs={"worker": self.worker, **facts},
        )
        identifier = self._storage.create_new_trial(self._id, blank)
        return Claim(self._storage.get_trial_number_from_id(identifier), dict(point))


def counts(trial: FrozenTrial) -> bool:
    """Whether a trial is one of the budget: all but those taken up again."""
    facts = trial.user_attrs.get("facts", {})
    return not (trial.state == TrialState.FAIL and facts.get("reason") == "lost")
