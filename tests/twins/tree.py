"""A repository in memory: the files of a dictionary, by their paths from its root."""

from policies.formats import File, Files


def tree(home: str, texts: dict[str, str], *, rooted: bool = True) -> Files:
    """The files around ``home``; each is shown by its path from the root."""

    def load(path: str) -> File | None:
        text = texts.get(path)
        return None if text is None else File(path, text.encode())

    def below(folder: str) -> tuple[str, ...]:
        start = f"{folder}/" if folder else ""
        return tuple(path for path in texts if path.startswith(start))

    return Files(home, load, rooted, below)
