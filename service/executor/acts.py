"""Effects: one short durable workflow each, ``perform`` then ``report``.

``perform`` claims the run (a fencing epoch, taken anew for each attempt and never journaled; see
``claiming``) and calls one port. ``report`` is one plain transaction that hands the result to
``decide``; the run's ``op`` makes a second report of the same effect a no-op. Results are plain
JSON, because the journal keeps them.
"""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from policies.phrases import short
from policies.plain import instant_text, parse_instant
from policies.release import Evidence
from service.executor.claiming import Claim
from service.executor.facts import sbom_text
from service.executor.scans import findings_text, keep_findings
from service.executor.transition import advance
from service.executor.turn import Turn
from service.executor.watch import targets
from service.promotions.model import Built, Effect, Errored, Event, Moved, Moving, Stopped, Tested
from service.promotions.ports import BuildOrder, DeployOrder, DeployProgress, Ports, TestOrder
from service.store.retained import mark_kept
from service.store.tables import EvidenceRow, RunRow

Json = dict[str, Any]


def perform(ports: Ports, taken: Claim, kind: Effect) -> Json:
    """Call the port of one effect; a business failure is a result, an exception is technical."""
    match kind:
        case Effect.BUILD:
            return _build(ports, taken)
        case Effect.DEPLOY:
            return {"moved": list(_deploy(ports, taken, taken.digest, rollback=False))}
        case Effect.ROLLBACK:
            if taken.begins:
                list(_abort(ports, taken))
            return {"moved": list(_deploy(ports, taken, taken.back_to, rollback=True))}
        case Effect.ABORT:
            return {"moved": list(_abort(ports, taken))}
        case Effect.TEST:
            return _test(ports, taken)


def report(turn: Turn, run_id: int, op: str, kind: Effect, result: Json) -> str:
    """Decide on the result of an effect, if the run still waits for it."""
    run = turn.run(run_id)
    if run is None or run.op != op:
        return "stale"
    advance(turn, run, _event(turn, run, kind, result))
    return run.outcome or run.state


def _event(turn: Turn, run: RunRow, kind: Effect, result: Json) -> Event:
    if "errored" in result:
        return Errored(result["errored"])
    _keep_evidence(turn, run, result.get("evidence", []))
    match kind:
        case Effect.BUILD:
            _keep_artifact(turn, run, result)
            return Built(result["ok"], result["message"], result.get("digest", ""))
        case Effect.TEST:
            return Tested(result["ok"], result["message"])
        case Effect.DEPLOY | Effect.ROLLBACK | Effect.ABORT:
            moved = tuple(Moving(**each) for each in result["moved"])
            _keep_running(turn, run, kind, moved)
            _keep_validation(turn, run, kind, moved)
            return Stopped(moved, run.message) if kind is Effect.ABORT else Moved(moved)


def _build(ports: Ports, taken: Claim) -> Json:
    if taken.pushed:
        told = f"{short(taken.digest)} was pushed; nothing is built"
        return {"ok": True, "message": told, "digest": taken.digest}
    built = ports.builder.build(
        BuildOrder(
            key=f"{taken.release}:build{taken.again}",
            release=taken.release,
            pipeline=taken.pipeline,
            stage=taken.stage,
            repository=taken.repository,
            commit=taken.commit,
        )
    )
    answer: Json = {
        "ok": built.ok,
        "message": built.message,
        "evidence": [_evidence(each) for each in built.evidence],
    }
    if built.artifact:
        sbom = built.artifact.sbom
        answer["digest"] = built.artifact.digest
        answer["sbom"] = sbom_text(sbom) if sbom else None
        findings = built.artifact.findings
        answer["findings"] = None if findings is None else findings_text(findings)
    return answer


def _deploy(ports: Ports, taken: Claim, digest: str, *, rollback: bool) -> Iterator[Json]:
    """One batch on each target whose turn it is; the first that fails ends the round."""
    for target in taken.targets:
        done = ports.deployer.advance(_order(taken, target, digest, rollback=rollback))
        yield asdict(_moving(target, done))
        if done.state == "failed":
            return


def _abort(ports: Ports, taken: Claim) -> Iterator[Json]:
    """End what the deployment of the release does at each target; the epoch keeps it ended."""
    for target in taken.targets:
        done = ports.deployer.abort(_order(taken, target, taken.digest, rollback=False))
        yield asdict(_moving(target, done))


def _order(taken: Claim, target: str, digest: str, *, rollback: bool) -> DeployOrder:
    if taken.stage.deploy is None:
        raise ValueError(f"stage {taken.stage.name} deploys nothing")
    what = "rollback" if rollback else "deploy"
    return DeployOrder(
        key=f"{taken.release}/{taken.stage.name}/{target}:{what}{taken.again}",
        epoch=taken.epoch,
        release=taken.release,
        pipeline=taken.pipeline.name,
        stage=taken.stage.name,
        target=target,
        digest=digest,
        deploy=taken.stage.deploy,
        rollback=rollback,
        environment=taken.pipeline.environment,
    )


def _moving(target: str, done: DeployProgress) -> Moving:
    return Moving(
        target,
        done.state,
        done.replaced,
        done.hosts,
        done.message,
        done.cause,
        done.in_service,
    )


def _test(ports: Ports, taken: Claim) -> Json:
    """The tests of a stage run against each of its targets; the first failure ends them."""
    evidence: list[Json] = []
    message = ""
    for target in targets(taken.stage):
        result = ports.tester.run(
            TestOrder(
                key=f"{taken.release}/{taken.stage.name}/{target}:test{taken.again}",
                release=taken.release,
                pipeline=taken.pipeline.name,
                stage=taken.stage.name,
                target=target,
                digest=taken.digest,
                commit=taken.commit,
                steps=taken.stage.steps,
                environment=taken.pipeline.environment,
                repository=taken.repository,
            )
        )
        evidence += [_evidence(each) for each in result.evidence]
        message = result.message
        if not result.ok:
            return {"ok": False, "message": message, "evidence": evidence}
    return {"ok": True, "message": message, "evidence": evidence}


def _evidence(evidence: Evidence) -> Json:
    return {
        "kind": evidence.kind,
        "name": evidence.name,
        "stage": evidence.stage,
        "result": evidence.result,
        "executed": evidence.executed,
        "failed": evidence.failed,
        "retries": evidence.retries,
        "soft_failed": evidence.soft_failed,
        "ended_at": instant_text(evidence.ended_at),
        "coverage": evidence.coverage,
        "findings": _tally(evidence.findings),
        "new_findings": _tally(evidence.new_findings),
    }


def _tally(counts: tuple[tuple[str, int], ...] | None) -> dict[str, int] | None:
    return None if counts is None else dict(counts)


def _keep_evidence(turn: Turn, run: RunRow, listed: list[Json]) -> None:
    for each in listed:
        said = each | {"ended_at": parse_instant(each["ended_at"]), "stage": run.stage}
        turn.session.add(EvidenceRow(release=run.release, **said))
        turn.log(
            "test.ended",
            run.release,
            run.stage,
            suite=each["name"],
            suite_kind=each["kind"],
            result=each["result"],
            executed=each["executed"],
            failed=each["failed"],
        )


def _keep_artifact(turn: Turn, run: RunRow, result: Json) -> None:
    release = turn.release(run.release)
    if not result.get("digest") or release.pushed:
        return
    release.digest = result["digest"]
    release.built_at = turn.now
    mark_kept(turn.session, release.digest)
    if result.get("sbom"):
        release.sbom = turn.keep(result["sbom"])
    if result.get("findings") is not None:
        keep_findings(turn, release, result["findings"])


def _keep_running(turn: Turn, run: RunRow, kind: Effect, moved: tuple[Moving, ...]) -> None:
    """What runs on a target is what its last finished deployment or rollback put there."""
    kept = turn.stage(run.stage)
    digest = kept.good if kind is Effect.ROLLBACK else turn.release(run.release).digest
    done = {each.target: digest for each in moved if each.state == "succeeded"}
    # A JSON column is only seen to have changed when it is replaced.
    kept.running = kept.running | done


def _keep_validation(turn: Turn, run: RunRow, kind: Effect, moved: tuple[Moving, ...]) -> None:
    """A validate hook asked the new version of every host something: that is a smoke test."""
    deploy = turn.planned(turn.release(run.release), run.stage).deploy
    hook = deploy.hooks.validate.or_else(None) if deploy and deploy.hooks else None
    if kind is not Effect.DEPLOY or not hook:
        return
    for each in moved:
        if each.state == "succeeded":
            turn.session.add(
                EvidenceRow(
                    release=run.release,
                    kind="smoke",
                    name="validate",
                    stage=run.stage,
                    result="pass",
                    executed=each.hosts,
                    failed=0,
                    ended_at=turn.now,
                )
            )
