"""A study that several processes share: Optuna's journal, one lock, and an exact count.

Optuna keeps what was tried and proposes what comes next. What a worker takes, reports and finishes
happens under one lock, so that no trial is begun beyond the limits and none twice.

Its journal has no heartbeat: a worker keeps a lease (`leases.py`). A trial whose worker is dead is
marked failed and taken up again, with the same values, by the next worker that asks. Chance follows
from the study's seed and the number of the draw, so that a resumed study goes on where it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from filelock import FileLock
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from llmseqrec.config_search import Search, Value
from llmseqrec.services.owners import own_name
from llmseqrec.tuning.endings import Limits, is_hopeless, why_ended
from llmseqrec.tuning.leases import Leases
from llmseqrec.tuning.space import Point, Space, key

optuna.logging.set_verbosity(optuna.logging.WARNING)

REDRAWS = 50  # draws of known points after which the space counts as used up
MOST_LOSSES = 3  # workers that may die of a trial
_NAME = "search"


class KernelLock(JournalFileOpenLock):
    """A lock of the journal that the kernel frees when its process dies.

    Optuna's own are files that a killed process leaves behind. This one can be taken again by
    whoever has it, so that the study can hold it around several writes.
    """

    def __init__(self, path: str) -> None:
        self._kernel = FileLock(path)

    def acquire(self) -> bool:
        """Wait for the lock."""
        self._kernel.acquire()
        return True

    def release(self) -> None:
        """Give it back."""
        self._kernel.release()


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
        self.folder.mkdir(parents=True, exist_ok=True)
        path = str(self.folder / "journal.log")
        self._lock = KernelLock(path + ".lock")
        with self._locked():
            mend_journal(Path(path))
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
        with self._locked():
            lost = self._lost_family()
            if lost:
                return lost
            counted = [trial for trial in self.trials if counts(trial)]
            ended = self._ended(counted)
            if ended:
                return Ended(ended)
            draw = sum("retry_of" not in trial.user_attrs for trial in self.trials)
            point = self._next_point(draw, {key(trial.params) for trial in counted})
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
            Whether to give the trial up.
        """
        with self._locked():
            others = [
                trial.intermediate_values[fold]
                for trial in self.trials
                if trial.number != claim.number and fold in trial.intermediate_values
            ]
            self._storage.set_trial_intermediate_value(self._trial_id(claim), fold, value)
        return is_hopeless(value, others, self.search.prune_share, self.search.prune_after)

    def finish(self, claim: Claim, value: float, facts: Mapping[str, Any]) -> None:
        """End a trial with its value; `facts` are kept beside it."""
        self._end(claim, TrialState.COMPLETE, value, facts)

    def prune(self, claim: Claim, facts: Mapping[str, Any]) -> None:
        """End a trial that was given up."""
        self._end(claim, TrialState.PRUNED, None, facts)

    def fail(self, claim: Claim, reason: str) -> None:
        """End a trial that cannot be done; it counts as one."""
        self._end(claim, TrialState.FAIL, None, {"reason": reason})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

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
        """Trials of one dead worker, failed and begun anew."""
        dead = [trial for trial in self.trials if self._is_lost(trial)]
        first = dead[0].user_attrs["draw"] if dead else None
        found = []
        for trial in dead:
            if trial.user_attrs["draw"] != first:
                continue
            claim = Claim(trial.number, dict(trial.params))
            losses = trial.user_attrs["losses"] + 1
            identifier = self._trial_id(claim)
            again = losses < MOST_LOSSES
            reason = "lost" if again else f"{losses} workers died of it"
            self._storage.set_trial_user_attr(identifier, "facts", {"reason": reason})
            self._storage.set_trial_state_values(identifier, TrialState.FAIL)
            if again:
                facts = {"draw": first, "losses": losses, "retry_of": trial.number}
                found.append(self._begin(claim.point, facts))
        return found

    def _is_lost(self, trial: FrozenTrial) -> bool:
        running = trial.state == TrialState.RUNNING
        return running and not self._leases.holds(trial.user_attrs["worker"])

    def _next_point(self, draw: int, known: set[str]) -> Point | None:
        """A point that nobody has begun; None where none is left, or none is found."""
        if self.search.sampler == "grid":
            left = [point for point in self.space.points() if key(point) not in known]
            rng = np.random.default_rng([self.search.seed, len(known)])
            return left[int(rng.integers(len(left)))] if left else None
        for attempt in range(REDRAWS):
            point = self._draw(draw, attempt)
            if key(point) not in known:
                return point
        return None

    def _draw(self, draw: int, attempt: int) -> Point:
        seed = np.random.SeedSequence([self.search.seed, draw, attempt]).generate_state(1)[0]
        sampler: BaseSampler = RandomSampler(seed=int(seed))
        # A draw that was known already is followed by random ones: TPE would cling to it.
        if self.search.sampler == "tpe" and attempt < REDRAWS // 2:
            startup = self.search.random_trials
            sampler = TPESampler(seed=int(seed), n_startup_trials=startup, multivariate=False)
        blank = create_trial(state=TrialState.RUNNING)
        # Opened anew: a study keeps the trials it was first asked for.
        study = optuna.load_study(study_name=_NAME, storage=self._storage)

        def one(name: str, distribution: Any) -> Any:
            return sampler.sample_independent(study, blank, name, distribution)

        return self.space.draw(one)

    def _claim_family(self, point: Point, draw: int, counted: Sequence[FrozenTrial]) -> list[Claim]:
        known = {key(trial.params) for trial in counted}
        family = [p for p in self.space.family(point, self.axes) if key(p) not in known]
        if self.search.trials is not None:
            family = family[: self.search.trials - len(counted)]
        # One draw; its relatives have no number of their own, so that they shift none.
        facts: list[dict[str, Any]] = [{"draw": draw, "losses": 0}]
        facts += [facts[0] | {"retry_of": None}] * (len(family) - 1)
        return [self._begin(each, more) for each, more in zip(family, facts, strict=True)]

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


def mend_journal(path: Path) -> None:
    """Cut off a last line that a killed process left half-written; under the study's lock."""
    if not path.is_file():
        return
    content = path.read_bytes()
    if content and not content.endswith(b"\n"):
        with path.open("r+b") as stream:
            stream.truncate(content.rfind(b"\n") + 1)
