"""The changes in a record, and what their authors declare about data and protocols."""

from typing import Any

from policies.plain import Group, compact, instant_text, present
from policies.record.values import time_text
from policies.release import Change, ChangeClass, Compat, Review


def change_json(change: Change) -> dict[str, Any]:
    told = compact(
        {
            "commit": change.commit,
            "author": change.author,
            "subject": change.subject,
            "authored_at": instant_text(change.authored_at),
            "pushed_by": change.pushed_by,
            "pushed_at": time_text(change.pushed_at),
            "merged_at": time_text(change.merged_at),
            "merged_by": change.merged_by,
            "pr": change.pr,
            "bot": change.bot or None,
            "merge": change.merge or None,
        }
    )
    seen, labels, classes = change.reviewers, change.labels, change.files_class
    return told | present(
        {
            "reviewers": None if seen is None else [_review_json(each) for each in seen],
            "labels": None if labels is None else list(labels),
            "files_class": None if classes is None else list(classes),
        }
    )


def change_from(group: Group) -> Change:
    reviewers = group.maybe_groups("reviewers")
    change = Change(
        commit=group.text("commit"),
        author=group.text("author", ""),
        subject=group.text("subject", ""),
        authored_at=group.instant("authored_at"),
        pushed_by=group.text("pushed_by", ""),
        pushed_at=group.maybe_instant("pushed_at"),
        merged_at=group.maybe_instant("merged_at"),
        merged_by=group.text("merged_by", ""),
        pr=group.text("pr", ""),
        reviewers=None if reviewers is None else tuple(_review(each) for each in reviewers),
        labels=group.maybe_texts("labels"),
        files_class=group.maybe_texts("files_class"),
        bot=group.flag("bot"),
        merge=group.flag("merge"),
    )
    group.close()
    return change


def _review_json(review: Review) -> dict[str, Any]:
    return compact({"by": review.by, "at": time_text(review.at), "bot": review.bot or None})


def _review(group: Group) -> Review:
    review = Review(group.text("by"), group.maybe_instant("at"), group.flag("bot"))
    group.close()
    return review


def compat_json(compat: Compat) -> dict[str, Any]:
    pair = {"from": compat.downgrade_from, "to": compat.downgrade_to}
    return compact(
        {
            "change_class": compat.change_class.value,
            "prepares_release": compat.prepares_release,
            "downgrade_tested_pair": compact(pair),
        }
    )


def compat_from(group: Group) -> Compat:
    if "change_class" not in group.data:
        group.fail("change_class", f"is missing; one of {', '.join(ChangeClass)} is expected")
    pair = group.group("downgrade_tested_pair")
    compat = Compat(
        change_class=group.word("change_class", ChangeClass, ChangeClass.NONE),
        prepares_release=group.text("prepares_release", ""),
        downgrade_from=pair.text("from", "") if pair else "",
        downgrade_to=pair.text("to", "") if pair else "",
    )
    if pair:
        pair.close()
    group.close()
    return compat
